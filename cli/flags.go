package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/app"
)

// defaultData is where data goes unless --data or TAPIR_DATA says otherwise: the system's place for root, the user's
// for others.
func defaultData() string {
	if d := os.Getenv("TAPIR_DATA"); d != "" {
		return d
	}
	if os.Geteuid() == 0 {
		return "/var/lib/tapir"
	}
	if d := os.Getenv("XDG_DATA_HOME"); d != "" {
		return filepath.Join(d, "tapir")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "tapir-data"
	}
	return filepath.Join(home, ".local", "share", "tapir")
}

func dataFlag(c *cobra.Command, data *string) {
	c.Flags().StringVar(data, "data", defaultData(), "data directory (TAPIR_DATA)")
}

// nodeFlags are those of commands that write a data directory.
func nodeFlags(c *cobra.Command, cfg *app.Config) {
	f := c.Flags()
	dataFlag(c, &cfg.Data)
	f.StringVar(&cfg.Name, "node", "", "name of this node in every record (default: the host's)")
	f.IntVar(&cfg.Workers, "workers", 0, "workers, each with its own flows (default: one for each core)")
	f.IntVar(&cfg.Compress, "compress", 0, "store packets in zstd frames of this level, 1 to 4; 0 stores plain pcap")
	f.Var((*sizeValue)(&cfg.SegmentBytes), "segment-size", "complete a packet file at this size (default 1GiB)")
	f.BoolVar(&cfg.Sync, "sync", false, "force records to the disk as they are sealed, for crashes of the machine")
	r := &cfg.Retention
	f.Var((*ageValue)(&r.Packets.MaxAge), "packets-max-age", "delete packets older than this, for example 7d")
	f.Var((*sizeValue)(&r.Packets.MaxBytes), "packets-max-size", "keep at most so many packets, for example 500GB")
	f.Var((*ageValue)(&r.Records.MaxAge), "records-max-age", "delete sessions and transactions older than this")
	f.Var((*sizeValue)(&r.Records.MaxBytes), "records-max-size", "keep at most so many bytes of records")
	f.Var(&freeValue{r}, "free-space", "always keep so much of the disk free, percent or size (default 5%)")
}

// importFlag bounds what is imported over HTTP.
func importFlag(c *cobra.Command, limit *int64) {
	*limit = app.DefaultImportLimit
	c.Flags().Var((*sizeValue)(limit), "import-limit", "take capture files of at most this size through the API; 0 takes none")
}

// sizeValue is a flag that holds bytes: 500GB, 1.5GiB, 1000.
type sizeValue int64

func (v *sizeValue) Type() string   { return "SIZE" }
func (v *sizeValue) String() string { return sizeFlagText(int64(*v)) }
func (v *sizeValue) Set(s string) error {
	n, err := parseSize(s)
	*v = sizeValue(n)
	return err
}

func sizeFlagText(n int64) string {
	if n == 0 {
		return ""
	}
	return sizeText(n)
}

var sizeUnits = []struct {
	suffix string
	bytes  float64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}, {"T", 1e12}, {"B", 1}}

func parseSize(s string) (int64, error) {
	num, unit := strings.TrimSpace(s), 1.0
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(num, u.suffix); ok {
			num, unit = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseFloat(num, 64)
	if err != nil || n < 0 || n*unit > 1<<62 {
		return 0, fmt.Errorf("%q is no size (write 500MB, 20GiB, 2TB)", s)
	}
	return int64(n * unit), nil
}

// ageValue is a flag that holds a duration with days and weeks.
type ageValue time.Duration

func (v *ageValue) Type() string { return "AGE" }
func (v *ageValue) String() string {
	if *v == 0 {
		return ""
	}
	return time.Duration(*v).String()
}
func (v *ageValue) Set(s string) error {
	for suffix, unit := range map[string]time.Duration{"d": 24 * time.Hour, "w": 7 * 24 * time.Hour} {
		if num, ok := strings.CutSuffix(s, suffix); ok {
			if n, err := strconv.ParseFloat(num, 64); err == nil && n >= 0 {
				*v = ageValue(float64(unit) * n)
				return nil
			}
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no age (write 12h, 7d, 4w)", s)
	}
	*v = ageValue(d)
	return nil
}

// freeValue is --free-space: percent or size.
type freeValue struct{ r *app.Retention }

func (v *freeValue) Type() string { return "PERCENT|SIZE" }
func (v *freeValue) String() string {
	if v.r == nil || v.r.FreePercent == 0 && v.r.FreeBytes == 0 {
		return ""
	}
	if v.r.FreeBytes > 0 {
		return sizeText(v.r.FreeBytes)
	}
	return fmt.Sprintf("%g%%", v.r.FreePercent)
}
func (v *freeValue) Set(s string) error {
	if num, ok := strings.CutSuffix(s, "%"); ok {
		n, err := strconv.ParseFloat(num, 64)
		if err != nil || n <= 0 || n > 90 {
			return fmt.Errorf("%q: between 0%% and 90%% of the disk can be kept free", s)
		}
		v.r.FreePercent = n
		return nil
	}
	n, err := parseSize(s)
	if err == nil && n == 0 {
		err = fmt.Errorf("some space must stay free (write 5%% or 20GB)")
	}
	v.r.FreeBytes = n
	return err
}
