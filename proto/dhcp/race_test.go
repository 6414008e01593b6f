//go:build race

package dhcp

const raceDetector = true
