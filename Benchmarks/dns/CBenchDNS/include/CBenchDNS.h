#ifndef LARES_CBENCHDNS_H
#define LARES_CBENCHDNS_H

// The parts of the benchmark that must cost less than what they measure: the load generator, and the two servers that
// do nothing but move datagrams.

#include <stdint.h>

struct bench_load {
  /// Server on 127.0.0.1.
  uint16_t port;
  /// `query_count` queries of `query_length` octets each, one after another; identifiers are filled in.
  const uint8_t *queries;
  uint32_t query_count;
  uint32_t query_length;
  /// Client sockets, 1 to 16, and queries that each has under way at most.
  uint32_t sockets;
  uint32_t window;
  /// Queries per second; 0: as many as are answered.
  uint32_t rate;
  int64_t milliseconds;
  /// Every query once instead of for a time: fills a cache.
  int once;
  /// Count any datagram as an answer (the echo does not set QR).
  int any;
};

struct bench_result {
  uint64_t sent;
  uint64_t answers;
  /// Answers with another RCODE than NOERROR.
  uint64_t failures;
  int64_t nanoseconds;
  /// Only with a rate: latencies in nanoseconds.
  int64_t median_latency;
  int64_t p99_latency;
};

/// Runs one load from the calling thread. 0, or -1 with errno.
int bench_run(const struct bench_load *load, struct bench_result *result);

/// Serves until killed: every datagram goes back as it came. Returns only on failure, with errno set.
int bench_echo(uint16_t port);

/// Serves until killed: every query is answered with one A record that lives for a day.
int bench_authority(uint16_t port);

/// Moves the process into a network namespace of its own with nothing but loopback. 0, or -1 with errno.
int bench_own_network(void);

/// Has the calling process killed when its parent ends, however that happens.
void bench_die_with_parent(void);

/// Pins the calling process to one core and, where that is allowed, lets it go before others.
int bench_pin(int core);

#endif
