package cli

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"github.com/tapir-project/tapir/api"
	"github.com/tapir-project/tapir/app"
	"github.com/tapir-project/tapir/query"
	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// question is what search, export and tail have in common.
type question struct {
	data, kind, from, to, bounding string
}

func (q *question) flags(c *cobra.Command) {
	dataFlag(c, &q.data)
	f := c.Flags()
	f.StringVar(&q.kind, "kind", "session", "kind of record: session, transaction or sample")
	f.StringVar(&q.from, "from", "", "beginning: RFC 3339, or a span before now such as -15m (default: the oldest)")
	f.StringVar(&q.to, "to", "", "end, exclusive (default: the newest)")
	f.StringVar(&q.bounding, "bounding", "last", "time of a record that must lie between them: last, first, both, either, database")
}

var boundings = map[string]store.Bounding{"last": store.Last, "first": store.First, "both": store.Both, "either": store.Either, "overlap": store.Either, "database": store.Database}

// bind parses the expression and gives the search it makes, without stages.
func (q *question) bind(expr string, now time.Time) (*query.Query, store.Search, error) {
	var s store.Search
	kind, err := record.ParseKind(q.kind)
	if err != nil {
		return nil, s, errUsage{err}
	}
	s.Kind = kind
	var ok bool
	if s.Bounding, ok = boundings[q.bounding]; !ok {
		return nil, s, usagef("--bounding %s: want last, first, both, either or database", q.bounding)
	}
	if s.Range, err = q.times(now); err != nil {
		return nil, s, errUsage{err}
	}
	parsed, err := query.Parse(expr, query.Options{Kind: kind, Now: now.UnixNano(), Views: app.Views(q.data)})
	if err != nil {
		return nil, s, err
	}
	s.Where = parsed.Where
	return parsed, s, nil
}

func (q *question) times(now time.Time) (r store.Range, err error) {
	if q.from != "" {
		if r.From, err = api.ParseTime(q.from, now); err != nil {
			return r, fmt.Errorf("--from: %w", err)
		}
		r.To = record.MaxTime
	}
	if q.to != "" {
		if r.To, err = api.ParseTime(q.to, now); err != nil {
			return r, fmt.Errorf("--to: %w", err)
		}
	}
	return r, nil
}

func newSearch(io Stdio) *cobra.Command {
	var q question
	var asJSON bool
	var limit, offset, buckets int
	var order, columns string
	c := &cobra.Command{
		Use:   "search [EXPR]",
		Short: "Find stored sessions, transactions and samples, or tabulate them",
		Example: "  tapir search 'ip.src == 10.0.0.0/8 && http.uri == \"*/login*\"'\n" +
			"  tapir search --kind transaction 'http.response.status_code >= 500 | top 10 url.path by p95(event.duration)'",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			parsed, base, err := q.bind(strings.Join(args, ""), time.Now())
			if err != nil {
				return err
			}
			base.Limit, base.Offset = limit, offset
			if base.Order, err = api.ParseOrder(order); err != nil {
				return usagef("--order %w", err)
			}
			chosen, err := api.ParseFields(columns)
			if err != nil {
				return usagef("--columns %w", err)
			}
			plan, err := store.NewPlan(parsed, base, buckets)
			if err != nil {
				return errUsage{err}
			}
			r, err := app.OpenReader(q.data)
			if err != nil {
				return err
			}
			defer r.Close()
			if plan.Aggregate != nil {
				return printTable(c.Context(), io, r, plan, asJSON)
			}
			if chosen == nil {
				chosen = plan.Columns
			}
			return printRecords(c.Context(), io, r, *plan.Search, chosen, asJSON)
		},
	}
	q.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	c.Flags().IntVarP(&limit, "limit", "n", 100, "most records; 0 for all")
	c.Flags().IntVar(&offset, "offset", 0, "records to pass over")
	c.Flags().StringVar(&order, "order", "", "field:asc or field:desc, several joined by commas (default: newest first)")
	c.Flags().StringVar(&columns, "columns", "", "only these fields, joined by commas: tab-separated text with a header, or members of JSON")
	c.Flags().IntVar(&buckets, "buckets", 50, "most time buckets of a timechart without an interval")
	return c
}

func printRecords(ctx context.Context, io Stdio, r *app.Reader, s store.Search, columns []*record.Field, asJSON bool) error {
	p := newPrinter(io.Out, asJSON, r.Dir.Node())
	p.columns = columns
	for _, f := range columns {
		s.Fields = append(s.Fields, f.ID)
	}
	var failed error
	coverage, err := r.Records.Search(ctx, s, func(rec *record.Record) bool {
		failed = p.print(rec)
		return failed == nil
	})
	if err == nil {
		err = failed
	}
	if e := p.flush(); err == nil {
		err = e
	}
	warnCoverage(io, coverage)
	if err == nil && p.n == 0 {
		return errNoMatch
	}
	return err
}

func warnCoverage(io Stdio, c store.Coverage) {
	for _, problem := range c.Problems {
		fmt.Fprintf(io.Err, "tapir: warning: incomplete: %s\n", problem)
	}
	if c.Dropped > 0 {
		fmt.Fprintf(io.Err, "tapir: warning: the capture lost %d packets in this time range\n", c.Dropped)
	}
	if n := len(c.Gaps); n > 0 {
		g := c.Gaps[n-1]
		fmt.Fprintf(io.Err, "tapir: warning: nothing was captured in %d stretches of this time range, the latest from %s to %s\n", n,
			record.AppendTime(nil, g.From), record.AppendTime(nil, g.To))
	}
}

func printTable(ctx context.Context, io Stdio, r *app.Reader, plan *store.Plan, asJSON bool) error {
	t, err := r.Records.Aggregate(ctx, *plan.Aggregate)
	if err != nil {
		return err
	}
	plan.Finish(t)
	warnCoverage(io, t.Coverage)
	if asJSON {
		_, err = io.Out.Write(api.TableJSON(plan.Aggregate, t))
		return err
	}
	w := tabwriter.NewWriter(io.Out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(tableHeader(plan.Aggregate), "\t"))
	for i := range t.Rows {
		fmt.Fprintln(w, strings.Join(tableRow(plan.Aggregate, &t.Rows[i]), "\t"))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(t.Rows) == 0 {
		return errNoMatch
	}
	return nil
}

func tableHeader(a *store.Aggregate) (out []string) {
	if a.Interval != 0 {
		out = append(out, "TIME")
	}
	for _, f := range a.By {
		out = append(out, strings.ToUpper(f.Name))
	}
	for _, m := range a.Metrics {
		out = append(out, strings.ToUpper(m.String()))
	}
	return out
}

func tableRow(a *store.Aggregate, r *store.Row) (out []string) {
	if a.Interval != 0 {
		out = append(out, string(record.AppendTime(nil, r.Bucket))[:19])
	}
	for _, k := range r.Keys {
		if k == "" {
			k = "-"
		}
		out = append(out, printable(k))
	}
	for _, m := range r.Metrics {
		if math.IsNaN(m) {
			out = append(out, "-")
			continue
		}
		out = append(out, strconv.FormatFloat(m, 'f', -1, 64))
	}
	return out
}
