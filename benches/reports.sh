#!/usr/bin/env bash
# How fast the report views are on many recipients, and what reading them costs those who send. It needs psql, an empty database
# in DATABASE_URL and a flowcast; `devstack run -- benches/reports.sh` gives it a private one.
#
#   FLOWCAST=target/debug/flowcast CAMPAIGNS=20 RECIPIENTS=500000 benches/reports.sh
set -euo pipefail
here=$(dirname "$0")
flowcast=${FLOWCAST:-target/release/flowcast} campaigns=${CAMPAIGNS:-20} recipients=${RECIPIENTS:-500000} runs=${RUNS:-7}
export PGOPTIONS="-c jit=off"
ask() { psql -qtAX "$DATABASE_URL" -v ON_ERROR_STOP=1 "$@"; }

"$flowcast" migrate >&2
"$flowcast" sender add main --provider kaleyra --base-url http://127.0.0.1:1 --number 919900000000 --account SID \
    --api-key-env KEY --rate none >&2
prices=$(mktemp)
printf 'calling_code,price\n254,1.1\n255,1.3\n91,0.9\ndefault,4.25\n' > "$prices"
"$flowcast" sender prices main "$prices" --currency KES >&2
rm "$prices"
ask -f "$here/reports.sql"
for n in $(seq "$campaigns"); do
    echo "campaign $n of $campaigns: $recipients recipients" >&2
    ask -c "select generate_campaign($recipients)" > /dev/null
done
ask -c "vacuum analyze"
echo "recipients: $(ask -c "select sum(recipients) from campaign"), on disk: $(ask -c "select pg_size_pretty(pg_database_size(current_database()))")"

# The least of some runs: other work on the machine only ever adds.
least() {
    { echo '\timing on'; for _ in $(seq "$runs"); do echo '\o /dev/null'; echo "$2;"; done; } \
        | psql -qX "$DATABASE_URL" | sed -n 's/^Time: \([0-9.]*\) ms.*/\1/p' | sort -n | head -1 \
        | { read -r ms; printf '%-42s %8s ms\n' "$1" "$ms"; }
}
id=$(((campaigns + 1) / 2))
least "campaign, one" "select * from report.campaign where campaign_id = $id"
least "campaign, all" "select * from report.campaign"
least "conservation, all" "select * from report.conservation"
for view in funnel timeline timeline_by_hour error; do
    least "$view" "select * from report.$view where campaign_id = $id"
done
least "sender" "select * from report.sender"
least "waiting" "select * from report.waiting"
least "recipient, one person" "select * from report.recipient where campaign_id = $id and seq = 777"
least "recipient, first 1,000" "select * from report.recipient where campaign_id = $id order by seq limit 1000"
least "recipient, count by state and reason" \
    "select state, reason_code, count(*) from report.recipient where campaign_id = $id group by 1, 2"
least "recipient, count of failed" "select count(*) from report.recipient where campaign_id = $id and state = 'failed'"
least "country" "select * from report.country where campaign_id = $id"
least "recipient, by country" "select calling_code, count(*) from report.recipient where campaign_id = $id group by 1"
least "attempt, by outcome with mean latency" \
    "select outcome, count(*), avg(latency_ms) from report.attempt where campaign_id = $id group by 1"
least "flow_answer, count and mean time" \
    "select count(*), avg(time_to_answer) from report.flow_answer where campaign_id = $id"
ask -c "explain (analyze, costs off, summary off) select * from report.funnel where campaign_id = $id"
ask -c "explain (analyze, costs off, summary off) select * from report.error where campaign_id = $id"

# Claiming and recording in batches of 50, alone and while every total is read five times a second; they take turns.
send() { local c; c=$(ask -c "select waiting_campaign(30000)"); ask -c "call send_to($c, 30000, 50)" 2>&1 | sed 's/.*: *//'; }
best_alone=0 best_read=0
for _ in $(seq "$runs"); do
    alone=$(send)
    while ask -c "select * from report.campaign" -c "select * from report.timeline where campaign_id = $id" \
        -c "select * from report.error where campaign_id = $id" -c "select * from report.waiting" -c "select * from report.sender" \
        > /dev/null; do sleep 0.2; done &
    reader=$!
    read_meanwhile=$(send)
    kill "$reader"; wait "$reader" 2> /dev/null || true
    ask -c "select fold_counters()" > /dev/null
    echo "recipients a second in the database: alone $alone, while reports are read $read_meanwhile"
    if ((alone > best_alone)); then best_alone=$alone; fi
    if ((read_meanwhile > best_read)); then best_read=$read_meanwhile; fi
done
echo "best: alone $best_alone, while reports are read $best_read ($((100 * best_read / best_alone)) %)"
