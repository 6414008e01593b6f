package collector

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"github.com/oschwald/maxminddb-golang/v2"

	"github.com/tapir-project/tapir/record"
)

// Geo knows the countries and AS numbers of addresses from MaxMind DB files. It is safe for concurrent use.
type Geo struct{ dbs []*maxminddb.Reader }

// OpenGeo opens databases, of countries or cities, of AS numbers, or of both.
func OpenGeo(files []string) (*Geo, error) {
	if len(files) == 0 {
		return nil, nil
	}
	g := &Geo{}
	for _, f := range files {
		db, err := maxminddb.Open(f)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("geo database %s: %w (want a MaxMind DB file)", f, err), g.Close())
		}
		g.dbs = append(g.dbs, db)
	}
	return g, nil
}

// Close closes the databases.
func (g *Geo) Close() error {
	if g == nil {
		return nil
	}
	var errs []error
	for _, db := range g.dbs {
		errs = append(errs, db.Close())
	}
	return errors.Join(errs...)
}

// place is where an address is.
type place struct{ country, as string }

// lookup asks the databases; the first that knows has it.
func (g *Geo) lookup(a netip.Addr) (p place) {
	for _, db := range g.dbs {
		var row struct {
			Country struct {
				Code string `maxminddb:"iso_code"`
			} `maxminddb:"country"`
			Number uint64 `maxminddb:"autonomous_system_number"`
			Name   string `maxminddb:"autonomous_system_organization"`
		}
		if db.Lookup(a).Decode(&row) != nil {
			continue
		}
		if p.country == "" {
			p.country = row.Country.Code
		}
		if p.as == "" && row.Number > 0 {
			p.as = "AS" + strconv.FormatUint(row.Number, 10) + " " + row.Name
		}
	}
	return p
}

// geoCache remembers addresses, so many that those that talk now are among them.
type geoCache map[netip.Addr]place

const maxGeoCache = 1 << 14

// place puts where an address is.
func (c *Converter) place(v *record.Values, a netip.Addr, country, as record.FieldID) {
	p, ok := c.where[a]
	if !ok {
		if len(c.where) >= maxGeoCache {
			clear(c.where)
		}
		p = c.geo.lookup(a)
		c.where[a] = p
	}
	v.PutString(country, p.country)
	v.PutString(as, p.as)
}
