package bolt

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// A stored value is one byte that says how it is packed, four of checksum (over
// its bucket, its key and what follows), then JSON or frozen bytes. The
// checksum finds what bbolt's own do not: a flipped bit in a value, and a value
// under another one's key.
const (
	packPlain = 0
	packZstd  = 1
	headLen   = 5
)

// Values longer than packFrom are compressed; none may unpack to more than unpackMax.
const (
	packFrom  = 400
	unpackMax = 256 << 20
)

type codec struct {
	enc   *zstd.Encoder
	dec   *zstd.Decoder
	table *crc32.Table
}

func newCodec() (*codec, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(false), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(unpackMax))
	if err != nil {
		return nil, err
	}
	return &codec{enc: enc, dec: dec, table: crc32.MakeTable(crc32.Castagnoli)}, nil
}

func (c *codec) close() {
	if c != nil {
		c.dec.Close()
		_ = c.enc.Close()
	}
}

func (c *codec) encode(bucket string, key []byte, v any) ([]byte, error) {
	b, err := marshal(bucket, key, v)
	if err != nil {
		return nil, err
	}
	return c.pack(bucket, key, b), nil
}

// encodePlain is encode for what will soon be written over: not compressed.
func (c *codec) encodePlain(bucket string, key []byte, v any) ([]byte, error) {
	b, err := marshal(bucket, key, v)
	if err != nil {
		return nil, err
	}
	return c.plain(bucket, key, make([]byte, headLen, headLen+len(b)), b), nil
}

func marshal(bucket string, key []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode %s %q: %w", bucket, printable(key), err)
	}
	return b, nil
}

// pack adds the head, and compresses where that pays.
func (c *codec) pack(bucket string, key, plain []byte) []byte {
	out := make([]byte, headLen, headLen+len(plain))
	if len(plain) > packFrom {
		if z := c.enc.EncodeAll(plain, out); len(z) < headLen+len(plain) {
			z[0] = packZstd
			binary.BigEndian.PutUint32(z[1:], c.sum(bucket, key, z))
			return z
		}
	}
	return c.plain(bucket, key, out, plain)
}

func (c *codec) plain(bucket string, key, out, plain []byte) []byte {
	out = append(out[:headLen], plain...)
	out[0] = packPlain
	binary.BigEndian.PutUint32(out[1:], c.sum(bucket, key, out))
	return out
}

// decode unpacks JSON. Its result shares nothing with value, which ends with
// the transaction.
func (c *codec) decode(bucket string, key, value []byte, v any) error {
	plain, err := c.unpack(bucket, key, value)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plain, v); err != nil {
		return fmt.Errorf("%w: %s %q: %w", ErrDamaged, bucket, printable(key), err)
	}
	return nil
}

// unpack gives the bytes behind the head; they may be those of value itself.
func (c *codec) unpack(bucket string, key, value []byte) ([]byte, error) {
	bad := func(why any) error { return fmt.Errorf("%w: %s %q: %v", ErrDamaged, bucket, printable(key), why) }
	if len(value) < headLen {
		return nil, bad("too short")
	}
	if binary.BigEndian.Uint32(value[1:]) != c.sum(bucket, key, value) {
		return nil, bad("its checksum is wrong")
	}
	switch value[0] {
	case packPlain:
		return value[headLen:], nil
	case packZstd:
		plain, err := c.dec.DecodeAll(value[headLen:], nil)
		if err != nil {
			return nil, bad(err)
		}
		return plain, nil
	}
	return nil, bad("unknown packing")
}

func (c *codec) sum(bucket string, key, packed []byte) uint32 {
	s := crc32.Checksum([]byte(bucket), c.table)
	s = crc32.Update(s, c.table, key)
	s = crc32.Update(s, c.table, packed[:1])
	return crc32.Update(s, c.table, packed[headLen:])
}
