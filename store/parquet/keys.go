package parquet

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/tapir-project/tapir/record"
	"github.com/tapir-project/tapir/store"
)

// scanRow reads a row of an aggregation: bucket, keys, metrics. The keys are also given as they came.
func (g *grouping) scanRow(r scanner) (row store.Row, keys []any, err error) {
	keys = make([]any, len(g.keys))
	metrics := make([]*float64, len(g.a.Metrics))
	into := []any{&row.Bucket}
	for i := range keys {
		into = append(into, &keys[i])
	}
	for i := range metrics {
		into = append(into, &metrics[i])
	}
	if err = r.Scan(into...); err != nil {
		return row, nil, err
	}
	row.Keys = make([]string, len(keys))
	for i, k := range keys {
		row.Keys[i] = keyText(g.keys[i].phys, k)
	}
	row.Metrics = make([]float64, len(metrics))
	for i, m := range metrics {
		row.Metrics[i] = math.NaN()
		if m != nil {
			row.Metrics[i] = *m
		}
	}
	return row, keys, nil
}

// keyText is a key as text: addresses, ids and times in their usual forms, numbers in decimal; "" for none.
func keyText(phys physical, k any) string {
	switch k := k.(type) {
	case nil:
		return ""
	case string:
		return k
	case []byte:
		switch {
		case len(k) == 16 && phys == physAddr:
			return record.Addr(k).String()
		case len(k) == 16 && phys == physID:
			return record.ID(k).String()
		}
		return string(k)
	case int64:
		return strconv.FormatInt(k, 10)
	case bool:
		return strconv.FormatBool(k)
	case float64:
		return strconv.FormatFloat(k, 'g', -1, 64)
	case time.Time:
		return string(record.AppendTime(nil, k.UnixNano()))
	}
	return fmt.Sprint(k)
}

// literal is a key as SQL.
func (g *grouping) literal(phys physical, k any) string {
	switch k := k.(type) {
	case string:
		return quote(k)
	case []byte:
		if len(k) == 16 {
			return quoteUUID([16]byte(k))
		}
	case int64:
		return "(" + strconv.FormatInt(k, 10) + ")::BIGINT"
	case bool:
		return strconv.FormatBool(k)
	case float64:
		return double(k)
	case time.Time:
		return quoteTime(k.UnixNano())
	}
	return "NULL::" + sqlTypes[phys]
}
