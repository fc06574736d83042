-- SPDX-License-Identifier: Apache-2.0
-- wrk script: POSTs the lines of bench/messages.jsonl in turn (when BENCH_MESSAGES names the file)
-- or GETs the URL, and prints one line of JSON with what it counted.
local requests = {}
local at = 0

function init(args)
        local path = os.getenv("BENCH_MESSAGES")
        if not path then
                return
        end
        local headers = {["Content-Type"] = "application/json"}
        for line in io.lines(path) do
                requests[#requests + 1] = wrk.format("POST", nil, headers, line)
        end
end

function request()
        if #requests == 0 then
                return wrk.format("GET")
        end
        at = at % #requests + 1
        return requests[at]
end

function done(summary, latency, requests)
        local errors = summary.errors
        io.write(string.format(
                'BENCH {"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"bad_status":%d,"broken":%d}\n',
                summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
                errors.connect + errors.read + errors.write + errors.timeout))
end
