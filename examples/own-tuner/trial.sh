# The height at (x, y) of a valley whose bottom, 0, is at (1, -2).
height=$(awk -v x="$1" -v y="$2" 'BEGIN { print (x - 1)^2 + (y + 2)^2 }')
echo "{\"type\":\"final\",\"value\":$height}" >> "$AUTOTUNE_REPORTS"
