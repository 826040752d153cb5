#!/bin/sh
# Quality and cost of the tuners, as ratios to baselines of the same run: Random, and Optuna where a Python that has
# it is given:  PEER_PYTHON=venv/bin/python bench/tuners.sh [quality] [cost] [advisors]
# (parts of those: rebuild, several, several_cost)
set -eu
build=${BUILD:-build}
tool="$build/bin/tuner_quality"
several="$build/bin/multi_quality"
[ $# -gt 0 ] || set -- quality cost advisors

# name seeds: those that think for long have fewer.
rebuilt_too="GridSearch PBTTuner PPOTuner Hyperband ASHA BOHB"
tuners="Random=10 TPE=10 Anneal=10 Evolution=10 CMA-ES=10 QMC=10 Auto=3 GPTuner=3 MetisTuner=1 SMAC=1"

quality() {
  echo "Normalised regret after 25 / 50 / 100 / 200 trials (0: optimum, 1: median random sample), mean over seeds and"
  echo "problems that the tuner can search; x Random: the last figure as a ratio to Random's of this run."
  echo
  echo "| tuner | workers | seeds | public | x Random | held out | x Random |"
  echo "| --- | --- | --- | --- | --- | --- | --- |"
  for workers in 1 8; do
    base="1 1"
    for entry in $tuners; do
      name=${entry%=*}
      seeds=${entry#*=}
      figures=$("$tool" tuner="$name" seeds="$seeds" workers="$workers" | awk '{ print $(NF-3), $(NF-2), $(NF-1), $NF }' |
        tr '\n' ' ')
      [ "$name" != Random ] || base=$(echo "$figures" | awk '{ print $4, $8 }')
      echo "$name $workers $seeds $figures $base" | awk '{
        printf "| %s | %s | %s | %s / %s / %s / %s | %.2f | %s / %s / %s / %s | %.2f |\n",
          $1, $2, $3, $4, $5, $6, $7, $7 / $12, $8, $9, $10, $11, $11 / $13 }'
    done
  done
  echo
  several
}

# Several goals, and constraints: rows of so many trials, seeds and workers for these tuners, Random first.
several_rows() {
  budget=$1 seeds=$2 workers=$3
  shift 3
  base=
  for name in "$@"; do
    figures=$("$several" tuner="$name" budget="$budget" seeds="$seeds" seed0=100 workers="$workers" |
      awk '{ printf "%s ", $4 }')
    [ -n "$base" ] || base=$figures
    echo "$figures $base" | awk -v name="$name" -v budget="$budget" -v workers="$workers" '{
      printf "| %s | %s | %s |", name, budget, workers
      for (i = 1; i <= NF / 2; ++i) printf " %s (%.2f) |", $i, (1 - $i) / (1 - $(i + NF / 2))
      print "" }'
  done
}

several() {
  echo "Several goals: the hypervolume found, 1 that of the whole front. One goal with constraints: 1 / (1 + regret), 0 where"
  echo "no trial met them. In brackets: what is left to 1, as a ratio to Random's. Means over 20 seeds, 5 with 1,000 trials."
  echo
  echo "| tuner | trials | workers | $("$several" tuner=Random seeds=1 budget=4 |
    awk '{ printf "%s%s", (NR > 1 ? " | " : ""), $1 }') |"
  echo "| --- | --- | --- | $("$several" tuner=Random seeds=1 budget=4 |
    awk '{ printf "%s---", (NR > 1 ? " | " : "") }') |"
  several_rows 200 20 1 Random TPE NSGA-II
  several_rows 200 20 8 Random TPE NSGA-II
  several_rows 1000 5 8 Random TPE NSGA-II Auto
  echo
}

cost() {
  echo "Microseconds of processor time: the median suggestion beside so many random trials, and the mean told trial."
  echo "x Random: the figure before it as a ratio to Random's of this run."
  echo
  echo "| tuner | parameters | 100 | 1,000 | 10,000 | 100,000 trials | x Random | tell | x Random |"
  echo "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
  base=
  for entry in $tuners TPE:apart; do
    name=${entry%=*}
    args='{}'
    [ "$name" != TPE:apart ] || { name=TPE args='{"tpe_args":{"multivariate":false}}'; }
    rows=$("$tool" tuner="$name" args="$args" cost=1 | tr -d , | awk -v name="${entry%=*}" '{
      asks[$1] = asks[$1] " " $6 " |"; tell[$1] = $9 }
      END { for (d in asks) printf "| %s | %s |%s %s |\n", name, d, asks[d], tell[d] }' | sort -t'|' -k3n)
    [ -n "$base" ] || base=$(echo "$rows" | awk '{ printf "%s %s ", $12, $14 }')
    rows=$(echo "$rows" | awk -v base="$base" '{ split(base, b, " "); n = 2 * NR
      printf "| %s | %s | %s | %s | %s | %s | %.1f | %s | %.1f |\n",
        $2, $4, $6, $8, $10, $12, $12 / b[n - 1], $14, $14 / b[n] }')
    [ "$entry" != TPE=10 ] || ours=$rows
    echo "$rows"
  done
  [ -z "${PEER_PYTHON:-}" ] || for dimensions in 10 40; do
    times=$("$PEER_PYTHON" bench/peer_ask.py "$dimensions" 100 1000 10000 | awk '{ printf "%s ", $3 }')
    echo "$dimensions $times" | awk '{
      printf "| Optuna TPE, multivariate | %s | %s | %s | %s | | | | |\n", $1, $2, $3, $4 }'
    echo "$ours" | awk -v d="$dimensions" -v times="$times" '$4 == d { split(times, peer, " ")
      printf "| Optuna x TPE | %s | %.0f | %.0f | %.0f | | | | |\n", d, peer[1] / $6, peer[2] / $8, peer[3] / $10 }'
  done
  echo
  rebuild
  several_cost
}

rebuild() {
  echo "A tuner rebuilt from 100,000 trials: seconds of processor time up to its first answer, the mean told trial in"
  echo "microseconds, and the memory that it holds, without the trials themselves. x Random: as above."
  echo
  echo "| tuner | parameters | tell | rebuild | x Random | MB |"
  echo "| --- | --- | --- | --- | --- | --- |"
  base=
  for entry in $tuners $rebuilt_too; do
    name=${entry%=*}
    rows=$("$tool" tuner="$name" rebuild=1 | tr -d ,)
    [ -n "$base" ] || base=$(echo "$rows" | awk '{ printf "%s ", $9 }')
    echo "$rows" | awk -v name="$name" -v base="$base" '{ split(base, b, " ")
      printf "| %s | %s | %s | %s | %.1f | %s |\n", name, $1, $6, $9, $9 / b[NR], $12 }'
  done
  echo
}

several_cost() {
  echo "Several goals, 10 parameters: microseconds of processor time, the median suggestion beside so many trials / the"
  echo "mean told trial."
  echo
  echo "| tuner | goals | 100 | 1,000 | 10,000 | 100,000 trials |"
  echo "| --- | --- | --- | --- | --- | --- |"
  for name in TPE NSGA-II; do
    "$several" tuner="$name" cost=1 | tr -d , | awk -v name="$name" '{
      if (!($1 in rows)) order[++n] = $1
      rows[$1] = rows[$1] " " $6 " / " $9 " |" }
      END { for (i = 1; i <= n; ++i) printf "| %s | %s |%s\n", name, order[i], rows[order[i]] }'
  done
  echo
}

advisors() {
  echo "Regret on learning curves by the share of random search's epochs, 4 seeds:"
  echo
  "$build/bin/advisor_quality" seeds=4
}

for part in "$@"; do
  "$part"
done
