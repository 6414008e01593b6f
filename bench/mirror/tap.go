package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tapir-project/tapir/mirror"
)

const (
	tapFrames  = 1 << 22                 // about two thirds of a second
	tapFlush   = 1300 * time.Millisecond // it reads at least once a second
	halvings   = 6
	coreFrames = 1 << 22 // of each core
)

// allCores gives the rate without loss when every core receives packets, as with a card that spreads them, and tapir copies
// them to one output.
func allCores(index int) (float64, error) {
	end, err := tapir(mirror.ModeAuto)(1, must(newInjector(index, 0)))
	if err != nil {
		return 0, err
	}
	var rates []float64
	for range rounds {
		before, err := received(1)
		if err != nil {
			return 0, errors.Join(err, end())
		}
		type flood struct {
			sent uint64
			err  error
		}
		done, begin, sent := make(chan flood), time.Now(), uint64(0)
		for core := range runtime.NumCPU() {
			go func() {
				runtime.LockOSThread() // never unlocked: it is in another namespace
				if err := errors.Join(unix.Setns(int(home.Fd()), unix.CLONE_NEWNET), bind(core)); err != nil {
					done <- flood{err: err}
					return
				}
				sent, err := must(newInjector(index, 0)).flood(coreFrames, small)
				done <- flood{sent, err}
			}()
		}
		for range runtime.NumCPU() {
			f := <-done
			sent += f.sent
			err = errors.Join(err, f.err)
		}
		took := time.Since(begin)
		time.Sleep(100 * time.Millisecond)
		after, e := received(1)
		if err = errors.Join(err, e); err == nil && short(before, after, sent) > 0 {
			err = fmt.Errorf("%d of %d packets are missing", short(before, after, sent), sent)
		}
		if err != nil {
			return 0, errors.Join(err, end())
		}
		rates = append(rates, float64(sent)/took.Seconds())
	}
	return median(rates), end()
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// softTap compares tapir with daemonlogger, which copies everything from e0 to e1 and has a core of its own; the packets for
// it come on the other one. cost is tapir's time of a packet.
func softTap(index int, cost float64) error {
	ours, err := allCores(index)
	if err != nil {
		return err
	}
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
	fmt.Printf("one output, %d cores, without loss:\n", runtime.NumCPU())
	fmt.Printf("  soft tap    %8.0f k/s  %6.0f ns a packet, of its own process alone\n", rate/1e3, took)
	fmt.Printf("  tapir auto  %8.0f k/s  %6.0f ns a packet  %.1fx in packets, %.1fx in time of a packet\n", ours/1e3, cost, ours/rate, took/cost)
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
