package limit_test

import (
	"fmt"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/grpcsse/grpcsse/bridge/internal/limit"
)

func TestWhichAddressesAreOneClient(t *testing.T) {
	for _, tt := range []struct{ a, b string }{
		{"203.0.113.5", "::ffff:203.0.113.5"},
		{"2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"},
		{"fe80::1", "fe80::2%eth0"},
		{"fe80::1%eth0", "fe80::1%eth1"},
	} {
		assert.Equal(t, limit.Client(netip.MustParseAddr(tt.a)), limit.Client(netip.MustParseAddr(tt.b)), "%s and %s", tt.a, tt.b)
	}
	for _, tt := range []struct{ a, b string }{
		{"203.0.113.5", "203.0.113.6"},
		{"::ffff:203.0.113.5", "::ffff:203.0.113.6"},
		{"2001:db8:1:2::1", "2001:db8:1:3::1"},
		{"::203.0.113.5", "203.0.113.5"},
	} {
		assert.NotEqual(t, limit.Client(netip.MustParseAddr(tt.a)), limit.Client(netip.MustParseAddr(tt.b)), "%s and %s", tt.a, tt.b)
	}
	assert.False(t, limit.Client(netip.Addr{}).IsValid())
}

type claim = limit.Claim[string]

func TestClaimsAreTakenTogetherOrNotAtAll(t *testing.T) {
	var c limit.Counts[string]
	all, mine := claim{"all", 3}, claim{"mine", 1}
	_, ok := c.Take(all, mine)
	require.True(t, ok)
	full, ok := c.Take(all, mine)
	assert.False(t, ok)
	assert.Equal(t, 1, full, "the second claim has no place")
	assert.Equal(t, 1, c.Open("all"), "and the first claim has taken none")

	_, ok = c.Take(all, claim{"other", 0})
	require.True(t, ok, "a refusal takes nothing from others")
	c.Give(all, mine)
	_, ok = c.Take(all, mine)
	assert.True(t, ok, "what was given back is there again")
	_, ok = c.Take(all, claim{"other", 0})
	assert.True(t, ok, "0 is no limit")
	full, ok = c.Take(claim{"other", 0}, all)
	assert.False(t, ok)
	assert.Equal(t, 1, full)
	c.Give(all, mine)
	c.Give(all, claim{"other", 0})
	c.Give(all, claim{"other", 0})
	assert.Zero(t, c.Keys())
}

func TestALowerLimitTakesNoPlaceAway(t *testing.T) {
	var c limit.Counts[string]
	for range 3 {
		_, ok := c.Take(claim{"a", 3})
		require.True(t, ok)
	}
	for range 2 { // the limit is 2 from now on
		_, ok := c.Take(claim{"a", 2})
		assert.False(t, ok)
		c.Give(claim{"a", 3})
	}
	_, ok := c.Take(claim{"a", 2})
	assert.True(t, ok)
}

// model is the simplest counter that is right.
type model map[string]int

func (m model) take(claims []claim) (int, bool) {
	taken := maps.Clone(m)
	for i, c := range claims {
		if c.Most > 0 && taken[c.Key] >= c.Most {
			return i, false
		}
		taken[c.Key]++
	}
	maps.Copy(m, taken)
	return 0, true
}

func TestCountsAreThoseOfTheModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c limit.Counts[string]
		m := model{}
		var taken [][]claim
		drawn := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) claim {
			return claim{rapid.SampledFrom([]string{"a", "b", "c", ""}).Draw(t, "key"), rapid.IntRange(0, 3).Draw(t, "most")}
		}), 0, 4)
		t.Repeat(map[string]func(*rapid.T){
			"take": func(t *rapid.T) {
				claims := drawn.Draw(t, "claims")
				full, ok := c.Take(claims...)
				wantFull, want := m.take(claims)
				if ok != want || full != wantFull {
					t.Fatalf("took %v: %d, %t, expected %d, %t", claims, full, ok, wantFull, want)
				}
				if ok {
					taken = append(taken, claims)
				}
			},
			"give": func(t *rapid.T) {
				if len(taken) == 0 {
					t.Skip("nothing is taken")
				}
				i := rapid.IntRange(0, len(taken)-1).Draw(t, "which")
				for _, given := range taken[i] {
					m[given.Key]--
				}
				c.Give(taken[i]...)
				taken = slices.Delete(taken, i, i+1)
			},
			"": func(t *rapid.T) {
				maps.DeleteFunc(m, func(_ string, n int) bool { return n == 0 })
				for _, key := range []string{"a", "b", "c", ""} {
					if c.Open(key) != m[key] {
						t.Fatalf("%q has %d places taken, expected %d", key, c.Open(key), m[key])
					}
				}
				if c.Keys() != len(m) {
					t.Fatalf("%d keys, expected %d", c.Keys(), len(m))
				}
			},
		})
	})
}

func TestNoMoreThanTheLimitIsTakenByManyAtOnce(t *testing.T) {
	var c limit.Counts[int]
	var open, most atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 2000 {
				claims := []limit.Claim[int]{{Key: 0, Most: 5}, {Key: 1, Most: 5}}
				if _, ok := c.Take(claims...); !ok {
					continue
				}
				now := open.Add(1)
				for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
				}
				runtime.Gosched()
				open.Add(-1)
				c.Give(claims...)
			}
		})
	}
	all.Wait()
	assert.LessOrEqual(t, most.Load(), int64(5))
	assert.Positive(t, most.Load())
	assert.Zero(t, c.Keys())
}

// held returns the bytes of the heap that are in use.
func held() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func address(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 4: byte(i >> 24), 5: byte(i >> 16), 6: byte(i >> 8), 7: byte(i), 15: 1})
}

func TestClientsThatHaveLeftTakeNoMemory(t *testing.T) {
	const clients = 200_000
	var c limit.Counts[netip.Addr]
	before := held()
	for i := range clients {
		_, ok := c.Take(limit.Claim[netip.Addr]{Key: limit.Client(address(i)), Most: 1})
		require.True(t, ok)
	}
	require.Equal(t, clients, c.Keys(), "each has a network of its own")
	full := held() - before
	for i := range clients {
		c.Give(limit.Claim[netip.Addr]{Key: limit.Client(address(i)), Most: 1})
	}
	assert.Zero(t, c.Keys())
	assert.Less(t, held()-before, full/10, "after all have left, in bytes")
	runtime.KeepAlive(&c)
}

func TestARateIsKeptForEachKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRates[string](5, time.Second, 10)
		allowed := func(key string, asked int) (n int) {
			for range asked {
				if r.Allow(key) {
					n++
				}
			}
			return n
		}
		assert.Equal(t, 10, allowed("a", 100), "the bucket is full")
		assert.Equal(t, 10, allowed("b", 100), "each key has its own")
		time.Sleep(time.Second)
		assert.Equal(t, 5, allowed("a", 100))
		time.Sleep(time.Hour)
		assert.Equal(t, 10, allowed("a", 100), "the bucket does not overflow")
		total := 0
		for range 600 { // a minute of asking ten times a second
			time.Sleep(100 * time.Millisecond)
			total += allowed("a", 1)
		}
		assert.InDelta(t, 300, total, 1, "5/s")
	})
}

func TestASlowRateAllowsWhatItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRates[string](3, time.Hour, 0)
		assert.True(t, r.Allow("a"), "a bucket has one place at least")
		assert.False(t, r.Allow("a"))
		time.Sleep(20*time.Minute - time.Second)
		assert.False(t, r.Allow("a"))
		time.Sleep(2 * time.Second)
		assert.True(t, r.Allow("a"))
	})
}

func TestIdleKeysAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRates[int](5, time.Second, 10)
		for i := range 1000 {
			require.True(t, r.Allow(i))
		}
		time.Sleep(time.Second)
		r.Allow(-1)
		assert.Equal(t, 1001, r.Keys(), "their buckets may not be full yet")
		time.Sleep(time.Second)
		r.Allow(-1)
		assert.Equal(t, 1, r.Keys())
	})
}

// A key that comes again stays, and holds up no other key that is to be forgotten.
func TestKeysAreForgottenInTheOrderInWhichTheyCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRates[string](1, time.Second, 2) // a bucket fills within two seconds
		for _, key := range []string{"again", "once", "once too"} {
			require.True(t, r.Allow(key))
		}
		time.Sleep(time.Second)
		r.Allow("again")
		time.Sleep(time.Second)
		r.Allow("new")
		assert.Equal(t, 2, r.Keys(), "the one that came again, and the new one")
	})
}

// A flood from other addresses makes no client forgotten that goes on.
func TestAFloodGivesNoPlacesToAClientThatGoesOn(t *testing.T) {
	r := limit.NewRates[netip.Addr](1, time.Hour, 1)
	busy := netip.MustParseAddr("203.0.113.1")
	require.True(t, r.Allow(busy))
	for i := range 2 << 16 {
		r.Allow(limit.Client(address(i)))
		if i%(1<<14) == 0 {
			require.False(t, r.Allow(busy), "after %d others", i)
		}
	}
}

// To be forgotten must not give a key more than its rate.
func TestAKeyThatIsForgottenGainsNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.IntRange(1, 20).Draw(rt, "count")
		burst := rapid.IntRange(1, 40).Draw(rt, "burst")
		pauses := rapid.SliceOfN(rapid.IntRange(0, 5000), 1, 60).Draw(rt, "pauses")
		synctest.Test(t, func(t *testing.T) {
			r := limit.NewRates[string](count, time.Second, burst)
			began, allowed := time.Now(), 0
			for i, pause := range pauses {
				time.Sleep(time.Duration(pause) * time.Millisecond)
				r.Allow(fmt.Sprint("other", i)) // looks for keys to forget
				for r.Allow("a") {
					allowed++
				}
			}
			most := float64(burst) + time.Since(began).Seconds()*float64(count)
			assert.LessOrEqual(t, float64(allowed), most+1e-6)
		})
	})
}

func TestAMillionAddressesTakeBoundedMemory(t *testing.T) {
	r := limit.NewRates[netip.Addr](1, time.Hour, 1)
	before := held()
	for i := range 1_000_000 {
		r.Allow(limit.Client(address(i)))
	}
	assert.Equal(t, 1<<16, r.Keys())
	assert.Less(t, held()-before, int64(32<<20), "bytes")
	assert.False(t, r.Allow(limit.Client(address(999_999))), "the newest ones are remembered")
	runtime.KeepAlive(r)
}

// A change of the rate carries over what was used, for keys that are remembered and for those that are forgotten.
func TestNoChangeOfTheRateGivesAKeyMore(t *testing.T) {
	type setting struct{ count, burst int }
	rapid.Check(t, func(rt *rapid.T) {
		settings := rapid.Custom(func(rt *rapid.T) setting {
			return setting{rapid.IntRange(1, 20).Draw(rt, "count"), rapid.IntRange(1, 40).Draw(rt, "burst")}
		})
		first := settings.Draw(rt, "first")
		steps := rapid.SliceOfN(rapid.IntRange(0, 5000), 1, 40).Draw(rt, "pauses")
		next := make([]setting, len(steps))
		for i := range steps {
			next[i] = settings.Draw(rt, "next")
		}
		synctest.Test(t, func(t *testing.T) {
			r := limit.NewRates[string](first.count, time.Second, first.burst)
			now, most, allowed := first, float64(first.burst), 0
			for i, pause := range steps {
				time.Sleep(time.Duration(pause) * time.Millisecond)
				most += float64(pause) / 1000 * float64(now.count)
				r.Allow(fmt.Sprint("other", i)) // looks for keys to forget
				for i%2 == 0 && r.Allow("a") {
					allowed++
				}
				assert.LessOrEqual(t, float64(allowed), most+1e-6)
				if idle := i%2 != 0; idle { // its bucket may be full, and stay full in a larger size
					most += float64(max(0, next[i].burst-now.burst))
				}
				now = next[i]
				r.Change(now.count, time.Second, now.burst)
				r.Allow(fmt.Sprint("another", i))
			}
		})
	})
}

func TestABucketGetsTheSizeOfTheNewRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limit.NewRates[string](5, time.Second, 3)
		allowed := func(asked int) (n int) {
			for range asked {
				if r.Allow("a") {
					n++
				}
			}
			return n
		}
		assert.Equal(t, 3, allowed(100))
		r.Change(5, time.Second, 10)
		assert.Zero(t, allowed(100), "a larger bucket is no fuller")
		time.Sleep(time.Second)
		assert.Equal(t, 5, allowed(100), "and takes more than before")
		time.Sleep(time.Second)
		r.Change(5, time.Second, 2)
		assert.Equal(t, 2, allowed(100), "what is in a smaller bucket is what fits")
	})
}
