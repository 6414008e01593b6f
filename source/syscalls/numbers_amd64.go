package syscalls

import _ "embed" // numbers_amd64.txt

// numbersText are the names of the machine's calls in the order of their numbers.
//
//go:embed numbers_amd64.txt
var numbersText string
