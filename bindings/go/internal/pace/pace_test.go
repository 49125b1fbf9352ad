package pace

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"
)

type vectors struct {
	Paces []struct {
		About   string
		DrainMS int64
		Jitter  float64
		Steps   []struct {
			NowMS    int64
			Waiting  int
			NextMS   *float64
			IsDue    bool
			ExtendMS int64
		}
	}
	Silences []struct{ DrainMS, StreamMS, SilentAfterMS int64 }
	Retries  []struct {
		Jitter  float64
		RetryMS int64
	}
}

func read(t *testing.T) (v vectors) {
	text, err := os.ReadFile("../../../core/vectors/pace.json")
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil || len(v.Paces) == 0 || len(v.Silences) == 0 || len(v.Retries) == 0 {
		t.Fatal(err)
	}
	return v
}

func ms(count int64) time.Duration { return time.Duration(count) * time.Millisecond }

func TestGoodbyesAreDueWhenTheVectorsSay(t *testing.T) {
	for _, each := range read(t).Paces {
		p := New(ms(each.DrainMS), each.Jitter)
		for _, step := range each.Steps {
			p.Extend(ms(step.ExtendMS))
			if step.NextMS == nil {
				continue // Nobody waits, and nobody asks.
			}
			if next := float64(p.Next(step.Waiting).Nanoseconds()) / 1e6; math.Abs(next-*step.NextMS) > 0.001 {
				t.Errorf("%s at %d ms: %v, not %v", each.About, step.NowMS, next, *step.NextMS)
			}
			if p.IsDue(ms(step.NowMS), step.Waiting) != step.IsDue {
				t.Errorf("%s at %d ms: due is not %v", each.About, step.NowMS, step.IsDue)
			}
		}
	}
}

func TestSilencesAndRetriesAreThoseOfTheVectors(t *testing.T) {
	v := read(t)
	for _, each := range v.Silences {
		if found := SilentAfter(ms(each.DrainMS), ms(each.StreamMS)); found != ms(each.SilentAfterMS) {
			t.Errorf("%v for %d and %d ms", found, each.DrainMS, each.StreamMS)
		}
	}
	for _, each := range v.Retries {
		if found := Retry(each.Jitter); found != ms(each.RetryMS) {
			t.Errorf("%v for %v", found, each.Jitter)
		}
	}
}

func TestOfAThousandAtMostATwentiethIsToldInAnyTwentiethOfTheWindow(t *testing.T) {
	p, told := New(29500*time.Millisecond, 0.3), []time.Duration{}
	for waiting := 1000; waiting > 0; waiting-- {
		due := p.Next(waiting)
		if !p.IsDue(due, waiting) {
			t.Fatal("it is not due when it is due")
		}
		told = append(told, due)
	}
	twentieth := 29250*time.Millisecond/20 - time.Microsecond
	for i := 50; i < len(told); i++ {
		if told[i]-told[i-50] < twentieth {
			t.Errorf("51 within %v", told[i]-told[i-50])
		}
	}
}
