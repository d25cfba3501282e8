-- What wrk sends: POST requests that were rendered before the first of them leaves, so that the loader spends
-- nothing on making them. They go round over the keys, so that at any moment each of 64 connections has its own.
--
--   wrk -s benches/load/orders.lua URL -- KEYS MARKETS ORDERS
--
-- KEYS and MARKETS are files of API keys and condition ids, one a line. ORDERS is how many orders one request
-- carries: 1 is a plain order, more a batch. Every order is a buy of 5 shares that rests far below the touch.

local requests, sent = {}, 0

local function lines(path)
  local all = {}
  for line in io.lines(path) do
    all[#all + 1] = line
  end
  return all
end

local function order(number, markets)
  local market = markets[number % #markets + 1]
  local price = string.format("0.%02d", number * 7 % 19 + 1)
  return '{"market_id":"' .. market .. '","side":"BUY","outcome":"Yes","order_type":"limit","quantity":"5",'
    .. '"price":"' .. price .. '","time_in_force":"GTC"}'
end

function init(arguments)
  local keys, markets, orders = lines(arguments[1]), lines(arguments[2]), tonumber(arguments[3])
  local number = 0
  for round = 1, orders == 1 and 32 or 4 do
    for _, key in ipairs(keys) do
      local all = {}
      for place = 1, orders do
        number = number + 1
        all[place] = order(number, markets)
      end
      local body = orders == 1 and all[1] or '{"orders":[' .. table.concat(all, ",") .. "]}"
      local path = orders == 1 and "/v1/orders" or "/v1/orders/batch"
      local headers = { ["X-API-Key"] = key, ["Content-Type"] = "application/json" }
      requests[#requests + 1] = wrk.format("POST", path, headers, body)
    end
  end
end

function request()
  sent = sent % #requests + 1
  return requests[sent]
end

dofile("benches/load/figures.lua")
