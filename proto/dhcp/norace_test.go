//go:build !race

package dhcp

const raceDetector = false
