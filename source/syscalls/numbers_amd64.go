package syscalls

import _ "embed" // the lists below

// numbersText are the names of the machine's calls in the order of their numbers, numbers32Text those of 32-bit programs. What such a
// program asks for by socketcall has numbers of our own, from 481 on.
//
//go:embed numbers_amd64.txt
var numbersText string

//go:embed numbers_386.txt
var numbers32Text string

//go:embed calls_386.txt
var calls32Text string
