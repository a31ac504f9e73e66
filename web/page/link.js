// The way to the server: the key of this page, requests, and the stream of what happens.

const kept = 'caracal-key';

// key takes the page's key out of the address, where it would be seen, and keeps it for this tab.
function key() {
  const found = /^#t=([A-Za-z0-9_-]+)$/.exec(location.hash);
  if (found) {
    sessionStorage.setItem(kept, found[1]);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(kept) || '';
}

const token = key();
const headers = () => ({ Authorization: 'Bearer ' + token });

// ask makes a request; what is not well becomes an Error that people can read.
export async function ask(method, path, doc) {
  const init = { method, headers: headers() };
  if (doc !== undefined) {
    init.headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(doc);
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new Error('the page does not answer any more. Start it again: caracal web');
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error || response.statusText);
  return answer;
}

// put sends a file, telling how much has gone: fetch would not.
export function put(path, file, progress) {
  return new Promise((done, failed) => {
    const x = new XMLHttpRequest();
    x.open('PUT', path);
    x.setRequestHeader('Authorization', 'Bearer ' + token);
    x.upload.onprogress = (e) => progress(e.loaded);
    x.onerror = () => failed(new Error('it was cut off on its way to this machine’s node'));
    x.onload = () => {
      if (x.status === 200) return done();
      let text = x.statusText;
      try { text = JSON.parse(x.responseText).error; } catch { /* the status has to do */ }
      failed(new Error(text));
    };
    x.send(file);
  });
}

// live calls on(event, document) for all that the server tells, for ever; lost(text) when it does not.
export async function live(on, lost) {
  for (let pause = 500; ; pause = Math.min(2 * pause, 8000)) {
    try {
      const response = await fetch('api/live', { headers: headers() });
      if (response.status === 401) {
        const why = await response.json();
        lost(why.error);
        return;
      }
      if (!response.ok) throw new Error((await response.json()).error);
      pause = 500;
      await lines(response.body, on);
    } catch (e) {
      if (e.name !== 'TypeError') console.warn(e);
    }
    lost('The page’s server has ended. Start it again: caracal web');
    await new Promise((r) => setTimeout(r, pause));
  }
}

// lines takes server-sent events apart.
async function lines(body, on) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '', event = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const all = (rest + value).split('\n');
    rest = all.pop();
    for (const line of all) {
      if (line.startsWith('event: ')) event = line.slice(7);
      else if (line.startsWith('data: ')) on(event, JSON.parse(line.slice(6)));
    }
  }
}
