// Package near finds the word that was probably meant by one that is not known.
package near

// Word is the word of the list that takes the fewest edits to make of what was typed, the first of several; ""
// when none takes fewer than below.
func Word(typed string, list []string, below int) (best string) {
	for _, w := range list {
		if d := Distance(typed, w); d < below {
			best, below = w, d
		}
	}
	return best
}

// Distance is the number of bytes to insert, remove or replace to make b of a (Levenshtein).
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
