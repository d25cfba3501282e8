-- What wrk sends: the cheapest GET there is, with a key or without. Keys go round, so that at any moment each of 64
-- connections has its own.
--
--   wrk -s benches/load/reads.lua URL -- [KEYS]
--
-- KEYS is a file of API keys, one a line; without it no credential is sent.

local requests, sent = {}, 0

function init(arguments)
  if arguments[1] == nil then
    requests[1] = wrk.format("GET", "/v1/time")
    return
  end
  for key in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("GET", "/v1/time", { ["X-API-Key"] = key })
  end
end

function request()
  sent = sent % #requests + 1
  return requests[sent]
end

dofile("benches/load/figures.lua")
