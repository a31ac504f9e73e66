-- Caracal for Wireshark and tshark: what is on the wire (docs/spec), and what `caracal capture` opened.
--   wireshark -X lua_script:caracal.lua mesh.pcapng
-- All that is on the wire of a session is its head; the rest is sealed. Opened packets stand beside it, on the interface "opened".

local ports = { 4117, 4118 }

local outer = Proto("caracal", "Caracal")
local opened = Proto("caracal_opened", "Caracal, opened")
local msp = Proto("caracal_msp", "Caracal stream packet")

local types = { [0xC0] = "beacon", [0xC1] = "handshake 1", [0xC2] = "handshake 2", [0xC3] = "cookie", [0xC4] = "data", [0xC5] = "probe" }
local frames = { [0] = "padding", "forward", "forward, payload behind", "alias", "ack", "hello", "probe", "link state", "summary", "want", "broadcast", "unreachable", "key secret", "have" }
local layers = { "between neighbours", "end to end" }
local ends = { [0] = "received", "sent" }
local known = { [0] = "control", [2] = "echo", [3] = "trace", [8] = "streams" }
local mspframes = { [0] = "padding", [1] = "ping", [2] = "ack", [3] = "close", [4] = "max data", [5] = "max stream data", [6] = "max streams", [7] = "reset", [8] = "stop", [9] = "open", [10] = "keep",
  [16] = "stream", [17] = "stream, end", [18] = "stream, mark", [19] = "stream, mark, end", [20] = "stream", [21] = "stream, end", [22] = "stream, mark", [23] = "stream, mark, end", [32] = "priority", [33] = "substream", [34] = "child window", [35] = "datagram" }

local f = {
  type = ProtoField.uint8("caracal.type", "Type", base.HEX, types),
  version = ProtoField.uint8("caracal.version", "Version"),
  flags = ProtoField.uint8("caracal.flags", "Flags", base.HEX),
  sid = ProtoField.bytes("caracal.sid", "SID"),
  boot = ProtoField.uint32("caracal.boot", "Boot number", base.HEX),
  nonce = ProtoField.bytes("caracal.nonce", "Nonce"),
  echo = ProtoField.bytes("caracal.echo", "Echo"),
  digest = ProtoField.bytes("caracal.digest", "Digest of the link state"),
  interval = ProtoField.uint16("caracal.interval", "Next beacon within, 10 ms"),
  index = ProtoField.uint32("caracal.index", "Session index", base.HEX),
  counter = ProtoField.uint32("caracal.counter", "Counter"),
  headlen = ProtoField.uint16("caracal.header.length", "Sealed header, bytes"),
  noise = ProtoField.bytes("caracal.noise", "Noise message"),
  mac1 = ProtoField.bytes("caracal.mac1", "mac1"),
  mac2 = ProtoField.bytes("caracal.mac2", "mac2"),
  sealed = ProtoField.bytes("caracal.sealed", "Sealed"),
  section = ProtoField.bytes("caracal.section", "Payload section, sealed for its receiver"),
}
outer.fields = f

local o = {
  layer = ProtoField.uint8("caracal.opened.layer", "Layer", base.DEC, layers),
  out = ProtoField.uint8("caracal.opened.out", "Direction", base.DEC, ends),
  self = ProtoField.bytes("caracal.opened.local", "This node"),
  peer = ProtoField.bytes("caracal.opened.peer", "Peer"),
  frame = ProtoField.uint8("caracal.frame", "Link frame", base.DEC, frames),
  alias = ProtoField.uint16("caracal.alias", "Alias of the destination"),
  of = ProtoField.bytes("caracal.alias.sid", "Destination"),
  distance = ProtoField.uint32("caracal.distance", "Distance to go"),
  hops = ProtoField.uint8("caracal.hoplimit", "Hops left"),
  class = ProtoField.uint8("caracal.class", "Class", base.DEC, nil, 0x0f),
  deflected = ProtoField.bool("caracal.deflected", "Deflected", 8, nil, 0x10),
  size = ProtoField.uint16("caracal.length", "Length"),
  payload = ProtoField.bytes("caracal.payload", "Payload"),
  largest = ProtoField.uint64("caracal.ack.largest", "Largest number acknowledged"),
  boot = ProtoField.uint32("caracal.hello.boot", "Boot number", base.HEX),
  digest = ProtoField.bytes("caracal.hello.digest", "Digest"),
  nid = ProtoField.bytes("caracal.nid", "Node"),
  seq = ProtoField.uint64("caracal.linkstate.seq", "Sequence number"),
  dst = ProtoField.uint32("caracal.dstport", "Destination port", base.DEC, known),
  src = ProtoField.uint32("caracal.srcport", "Source port", base.DEC, known),
  data = ProtoField.bytes("caracal.data", "Data"),
}
opened.fields = o

local m = {
  orphan = ProtoField.bool("caracal.msp.orphan", "Orphan", 8, nil, 1),
  from = ProtoField.uint32("caracal.msp.from", "From instance", base.HEX),
  to = ProtoField.uint32("caracal.msp.to", "To instance", base.HEX),
  number = ProtoField.uint32("caracal.msp.number", "Packet number"),
  frame = ProtoField.uint8("caracal.msp.frame", "Frame", base.HEX, mspframes),
  id = ProtoField.uint64("caracal.msp.stream", "Stream"),
  offset = ProtoField.uint64("caracal.msp.offset", "Offset"),
  length = ProtoField.uint16("caracal.msp.length", "Length"),
  data = ProtoField.bytes("caracal.msp.data", "Data"),
  service = ProtoField.string("caracal.msp.service", "Service"),
  protocol = ProtoField.string("caracal.msp.protocol", "Protocol"),
  value = ProtoField.uint64("caracal.msp.value", "Value"),
  code = ProtoField.uint32("caracal.msp.code", "Code", base.HEX),
  reason = ProtoField.string("caracal.msp.reason", "Reason"),
  priority = ProtoField.int32("caracal.msp.priority", "Priority"),
}
msp.fields = m

local short = ProtoExpert.new("caracal.short", "The packet ends too early, or is of another version", expert.group.MALFORMED, expert.severity.WARN)
outer.experts = { short }

-- A reader walks over a packet. What is beyond its end makes it bad, and further reads give nothing.
local Reader = {}
Reader.__index = Reader
local function read(tvb, at) return setmetatable({ tvb = tvb, at = at or 0, bad = false }, Reader) end
function Reader:left() return self.tvb:len() - self.at end
function Reader:take(n)
  if self.bad or n < 0 or self:left() < n then self.bad = true; return nil end
  local r = self.tvb(self.at, n)
  self.at = self.at + n
  return r
end
function Reader:add(tree, field, n)
  if n == 0 then return nil end
  local r = self:take(n)
  if r then tree:add(field, r) end
  return r
end
function Reader:uint(n)
  local r = self:take(n)
  return r and r:uint() or 0
end
-- varint gives its value as UInt64 and its bytes (RFC 9000 §16).
function Reader:varint()
  if self.bad or self:left() < 1 then self.bad = true; return UInt64(0), nil end
  local n = 2 ^ bit.rshift(self.tvb(self.at, 1):uint(), 6)
  local r = self:take(n)
  if not r then return UInt64(0), nil end
  if n == 8 then return r:uint64():band(UInt64(0xffffffff, 0x3fffffff)), r end
  local v = r:uint()
  return UInt64(bit.band(v, ({ [1] = 0x3f, [2] = 0x3fff, [4] = 0x3fffffff })[n])), r
end
function Reader:addvarint(tree, field)
  local v, r = self:varint()
  if r then tree:add(field, r, v) end
  return v
end

-- addport is addvarint for what fits 32 bits, and gives a number.
function Reader:addport(tree, field)
  local v, r = self:varint()
  if r then tree:add(field, r, v:tonumber()) end
  return v:tonumber()
end

local function beacon(r, tree)
  r:add(tree, f.version, 1); r:add(tree, f.flags, 1)
  if r:left() ~= 69 + 1 and r:left() < 90 then
    r:add(tree, f.sid, 32); r:add(tree, f.boot, 4); r:add(tree, f.nonce, 8); r:add(tree, f.echo, 8); r:add(tree, f.digest, 8); r:add(tree, f.interval, 2)
  else
    r:add(tree, f.nonce, 24); r:add(tree, f.sealed, r:left())
  end
end

local function handshake(r, tree)
  r:add(tree, f.version, 1); r:add(tree, f.flags, 1); r:take(1); r:add(tree, f.index, 4)
  r:add(tree, f.noise, r:left() - 32); r:add(tree, f.mac1, 16); r:add(tree, f.mac2, 16)
end

local function data(r, tree)
  r:add(tree, f.index, 4)
  local counter = r:add(tree, f.counter, 4)
  local n = r:add(tree, f.headlen, 2)
  if not n then return "" end
  r:add(tree, f.sealed, n:uint() + 16)
  local behind = r:left()
  if behind > 0 then r:add(tree, f.section, behind) end
  return ", number " .. counter:uint() .. (behind > 0 and ", " .. behind .. " bytes carried" or "")
end

function outer.dissector(tvb, pinfo, root)
  if tvb:len() < 1 or not types[tvb(0, 1):uint()] then return 0 end
  pinfo.cols.protocol = "Caracal"
  local tree = root:add(outer, tvb())
  local r = read(tvb)
  local t = r:add(tree, f.type, 1):uint()
  local more = ""
  if t == 0xC0 then beacon(r, tree)
  elseif t == 0xC1 or t == 0xC2 then handshake(r, tree)
  elseif t == 0xC3 then r:add(tree, f.version, 1); r:add(tree, f.flags, 1); r:take(1); r:add(tree, f.index, 4); r:add(tree, f.nonce, 24); r:add(tree, f.sealed, r:left())
  elseif t == 0xC4 then more = data(r, tree)
  end
  if r.bad then tree:add_proto_expert_info(short) end
  pinfo.cols.info = types[t] .. more
  return tvb:len()
end

-- Frames between neighbours (docs/spec/overlay.md O4).
local function forward(r, tree, section)
  r:add(tree, o.alias, 2); r:add(tree, o.distance, 4); r:add(tree, o.hops, 1)
  local packed = r:take(1)
  if not packed then return end
  tree:add(o.deflected, packed); tree:add(o.class, packed)
  r:take(4 * bit.rshift(packed:uint(), 5))
  if section then return end -- it goes on to the end of the packet
  local n = r:add(tree, o.size, 2)
  if n then r:add(tree, o.payload, n:uint()) end
end

local function ack(r, tree)
  r:addvarint(tree, o.largest)
  r:varint(); r:varint()
  for _ = 1, r:uint(1) do
    if r.bad then return end
    r:varint(); r:varint()
  end
end

local readers = {
  [0] = function() end,
  [1] = function(r, t) forward(r, t, false) end,
  [2] = function(r, t) forward(r, t, true) end,
  [3] = function(r, t) r:add(t, o.alias, 2); r:add(t, o.of, 32) end,
  [4] = ack,
  [5] = function(r, t) r:add(t, o.boot, 4); r:add(t, o.digest, 8) end,
  [6] = function() end,
  [7] = function(r, t) r:add(t, o.nid, 12); r:add(t, o.seq, 8); r:take(4); r:add(t, o.payload, r:uint(2)) end,
  [8] = function(r, t) r:take(24); for _ = 1, r:uint(1) do if r.bad then return end; r:add(t, o.nid, 12); r:add(t, o.seq, 8) end end,
  [9] = function(r, t) for _ = 1, r:uint(1) do if r.bad then return end; r:add(t, o.nid, 12) end end,
  [10] = function(r, t) r:add(t, o.hops, 1); r:add(t, o.of, 32); r:take(8); r:add(t, o.payload, r:uint(2)); r:take(64) end,
  [11] = function(r, t) r:add(t, o.nid, 12) end,
  [13] = function(r, t) r:take(1); for _ = 1, r:uint(1) do if r.bad then return end; r:add(t, o.nid, 12); r:add(t, o.seq, 8) end end,
  [12] = function(r, t) r:add(t, o.payload, r:uint(2)) end,
}

local function linkframes(tvb, tree)
  local r, said = read(tvb), {}
  while r:left() > 0 and not r.bad do
    local at = r.at
    local t = r:uint(1)
    local name = frames[t] or ("frame " .. t)
    local sub = tree:add(tvb(at, 1), "Frame: " .. name)
    sub:add(o.frame, tvb(at, 1))
    local how = readers[t]
    if how then how(r, sub) else r:add(sub, o.payload, r:left()) end
    if t ~= 0 then sub:set_len(r.at - at) end
    if r.bad then sub:add_proto_expert_info(short) end
    if said[#said] ~= name and t ~= 0 then said[#said + 1] = name end
  end
  return table.concat(said, ", ")
end

-- Frames of a stream packet (docs/spec/msp.md M3).
local function streamframe(r, t, tree)
  if t >= 16 and t <= 23 then
    local id = r:addvarint(tree, m.id)
    r:addvarint(tree, m.offset)
    if r.bad then return "" end
    local n = r:left() -- to the end of the packet
    if t < 20 then
      local told = r:add(tree, m.length, 2)
      n = told and told:uint() or 0
    end
    r:add(tree, m.data, n)
    return tostring(id) .. ": " .. n .. " bytes"
  end
  if t == 2 then
    local high = r:addvarint(tree, m.value)
    r:varint()
    local n = r:uint(1)
    r:varint()
    for _ = 1, n do if r.bad then break end; r:varint(); r:varint() end
    return "to " .. tostring(high)
  end
  if t == 3 or t == 4 or t == 6 then r:addvarint(tree, m.value)
  elseif t == 5 or t == 34 then r:addvarint(tree, m.id); r:addvarint(tree, m.value)
  elseif t == 7 then
    r:addvarint(tree, m.id); r:take(1); r:add(tree, m.code, 4); r:addvarint(tree, m.value); r:add(tree, m.reason, r:uint(1))
  elseif t == 8 then r:addvarint(tree, m.id); r:add(tree, m.code, 4)
  elseif t == 9 then
    local id = r:addvarint(tree, m.id)
    r:add(tree, m.priority, 4); r:varint()
    local port = r:varint()
    if port == UInt64(0) then
      local s = r:add(tree, m.service, r:uint(1))
      r:add(tree, m.protocol, r:uint(1))
      return tostring(id) .. " to " .. (s and s:string() or "?")
    end
    return tostring(id) .. " to port " .. tostring(port)
  elseif t == 10 then r:addvarint(tree, m.id); r:take(1)
  elseif t == 32 then r:addvarint(tree, m.id); r:varint(); r:add(tree, m.priority, 4)
  elseif t == 33 then r:addvarint(tree, m.id); r:varint(); r:add(tree, m.priority, 4); r:varint(); r:varint()
  elseif t == 35 then
    r:addvarint(tree, m.id); r:varint(); r:take(1)
    local n = r:add(tree, m.length, 2)
    if n then r:add(tree, m.data, n:uint()) end
  elseif t ~= 0 and t ~= 1 then r:add(tree, m.data, r:left())
  end
  return ""
end

local function streampacket(tvb, pinfo, root)
  local tree = root:add(msp, tvb())
  local r, said = read(tvb), {}
  local first = r:add(tree, m.orphan, 1)
  if first and bit.band(first:uint(), 2) == 0 then r:add(tree, m.from, 4) end
  r:add(tree, m.to, 4)
  local number = r:add(tree, m.number, 4)
  while r:left() > 0 and not r.bad do
    local at = r.at
    local t = r:uint(1)
    local name = mspframes[t] or ("frame " .. t)
    local sub = tree:add(tvb(at, 1), "Frame: " .. name)
    sub:add(m.frame, tvb(at, 1))
    local more = streamframe(r, t, sub)
    sub:set_len(r.at - at)
    sub:append_text(" " .. more)
    if r.bad then sub:add_proto_expert_info(short) end
    if t ~= 0 then said[#said + 1] = name .. (more ~= "" and " " .. more or "") end
  end
  pinfo.cols.protocol = "MSP"
  return (number and number:uint() or "?") .. " " .. table.concat(said, ", ")
end

function msp.dissector(tvb, pinfo, root)
  pinfo.cols.info = streampacket(tvb, pinfo, root)
  return tvb:len()
end

local function hex(range) return string.lower(tostring(range(0, 4):bytes())) end

function opened.dissector(tvb, pinfo, root)
  local tree = root:add(opened, tvb())
  local r = read(tvb)
  local version = r:uint(1)
  local layer, out = r:add(tree, o.layer, 1), r:add(tree, o.out, 1)
  r:add(tree, o.self, 32)
  local peer = r:add(tree, o.peer, 32)
  local n = r:uint(2)
  if r.bad or version ~= 1 or r:left() < n then
    tree:add_proto_expert_info(short)
    return tvb:len()
  end
  local inside = tvb(r.at, n):tvb()
  r:take(n)
  pinfo.cols.protocol = "Caracal+"
  local who = (out:uint() == 1 and "→ " or "← ") .. hex(peer) .. "  "
  if layer:uint() == 1 then
    pinfo.cols.info = who .. linkframes(inside, tree)
    if r:left() > 0 then r:add(tree, f.section, r:left()) end
    return tvb:len()
  end
  local d = read(inside)
  local dst, src = d:addport(tree, o.dst), d:addport(tree, o.src)
  local rest = d:take(d:left())
  if d.bad or not rest or rest:len() == 0 then return tvb:len() end
  if dst == 8 and src == 8 then
    pinfo.cols.info = who .. streampacket(rest:tvb(), pinfo, root)
  else
    pinfo.cols.info = who .. (known[dst] or known[src] or ("port " .. src .. " → " .. dst)) .. ", " .. rest:len() .. " bytes"
    tree:add(o.data, rest)
  end
  return tvb:len()
end

for _, port in ipairs(ports) do DissectorTable.get("udp.port"):add(port, outer) end
outer:register_heuristic("udp", function(tvb, pinfo, root)
  if tvb:len() < 27 then return false end
  local t = tvb(0, 1):uint()
  local ours = (t == 0xC0 or t == 0xC1 or t == 0xC2 or t == 0xC3) and tvb(1, 1):uint() == 1
    or t == 0xC4 and tvb:len() >= 27 + tvb(9, 2):uint()
  if ours then outer.dissector(tvb, pinfo, root) end
  return ours
end)
