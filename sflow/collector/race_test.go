//go:build race

package collector

// hostileDatagrams are fewer with the race detector, which finds what it finds in the first of them.
const hostileDatagrams = 10_000
