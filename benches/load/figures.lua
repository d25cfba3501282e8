-- What a burst came to, on one line: requests, microseconds, p50 and p99 in microseconds, answers other than 2xx,
-- broken connections.
function done(summary, latency)
  local errors = summary.errors
  print(string.format("figures %d %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
