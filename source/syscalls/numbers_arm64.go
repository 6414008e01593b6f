package syscalls

import _ "embed" // numbers_arm64.txt

// numbersText are the names of the machine's calls in the order of their numbers.
//
//go:embed numbers_arm64.txt
var numbersText string

// The calls of 32-bit programs are not known.
const numbers32Text, calls32Text = "", ""
