//go:build !race

package collector

const hostileDatagrams = 100_000
