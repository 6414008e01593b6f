package main

import (
	"fmt"
	"os/exec"
	"strconv"
	"time"
)

const (
	tapFrames = 1 << 22                 // about two thirds of a second
	tapFlush  = 1300 * time.Millisecond // it reads at least once a second
	halvings  = 6
)

// softTap finds the highest rate at which daemonlogger copies everything from e0 to e1. It has a core of its own; the packets
// come on the other one. ours and cost are tapir's rate on the one core on which the packets come, and its time of a packet.
func softTap(index int, ours, cost float64) error {
	path, err := exec.LookPath("daemonlogger")
	if err != nil {
		fmt.Println("  1 output   daemonlogger is not installed")
		return nil
	}
	c := exec.Command("taskset", "-c", "0", path, "-i", "e0", "-o", "e1")
	if err := c.Start(); err != nil {
		return err
	}
	defer c.Wait()
	defer c.Process.Kill()
	time.Sleep(2 * time.Second)
	var rates, times []float64
	for range rounds {
		low, high, best, took := 0.0, ours/2, 0.0, 0.0
		for range halvings {
			rate := (low + high) / 2
			got, each, err := tapAt(index, rate, strconv.Itoa(c.Process.Pid))
			if err != nil {
				return err
			}
			if got > 0 {
				low = rate
				best, took = max(best, got), each
			} else {
				high = rate
			}
		}
		rates, times = append(rates, best), append(times, took)
	}
	rate, took := median(rates), median(times)
	fmt.Printf("  1 output   soft tap    %8.0f k/s on two cores  %6.0f ns of its own process a packet\n", rate/1e3, took)
	fmt.Printf("             tapir auto is %.1fx in packets without loss, on one core; %.1fx in time of a packet\n", ours/rate, took/cost)
	return nil
}

// tapAt sends at a rate and gives the one that was reached, or 0 if a packet was lost, and the time that the tap's process took
// for each, ns.
func tapAt(index int, rate float64, pid string) (reached, each float64, err error) {
	g, err := newInjector(index, time.Duration(1e9/rate))
	if err != nil {
		return 0, 0, err
	}
	defer g.close()
	before, err := received(1)
	if err != nil {
		return 0, 0, err
	}
	used, begin := runTime(pid), time.Now()
	sent, err := g.flood(tapFrames, small) // most are dropped by the generator, before their time
	if err != nil {
		return 0, 0, err
	}
	took := time.Since(begin)
	time.Sleep(tapFlush)
	after, err := received(1)
	if err != nil || short(before, after, sent) > 0 {
		return 0, 0, err
	}
	return float64(sent) / took.Seconds(), float64(runTime(pid)-used) / float64(sent), nil
}
