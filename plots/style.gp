# SPDX-License-Identifier: GPL-2.0-only
# What all figures share: terminals, type sizes, colours (Okabe and Ito's, told apart by colour-blind
# readers too), the room for row names on the left and numbers on the right, the legend. Expects
# `format`, `rows`, `name_columns`; figures set `right_pixels` before loading this, from the width
# of their number columns.

set encoding utf8
width = 1000
row_pixels = 36
top_pixels = 116
bottom_pixels = 62
height = top_pixels + bottom_pixels + row_pixels * (rows > 2 ? rows : 2)

# Estimates for a 11 point sans serif; a wider font costs some of the margin, not the text.
left_pixels = 7.6 * name_columns + 26
left = left_pixels / width
right = 1.0 - right_pixels / (1.0 * width)
top = 1.0 - top_pixels / (1.0 * height)
bottom = bottom_pixels / (1.0 * height)
pixels(n) = n / (1.0 * height)
across(n) = n / (1.0 * width)

# Symbols are larger in SVG than in PNG, for the same size asked.
mark = format eq "svg" ? 0.65 : 1.0
if (format eq "svg") {
	set terminal svg size width,height rounded font "DejaVu Sans,11" background "#ffffff" noenhanced
} else {
	if (strstrt(GPVAL_TERMINALS, "pngcairo")) {
		set terminal pngcairo size 1.5*width,1.5*height rounded font "DejaVu Sans,11" \
			fontscale 1.22 linewidth 1.5 pointscale 1.5 background "#ffffff" noenhanced
	} else {
		set terminal png size width,height background "#ffffff" noenhanced
	}
}
set output "figure.".format

ink = 0x222222
grey = 0x777777
faint = 0xdddddd
bad = 0xb00020
colour(p) = p eq "cpu" ? 0x0072b2 : p eq "el2" ? 0x009e73 : p eq "kvm" ? 0xe69f00 : \
	p eq "vmm" ? 0xd55e00 : p eq "guest" ? 0xcc79a7 : 0x7f7f7f
who(p) = p eq "cpu" ? "the CPU itself" : p eq "el2" ? "KVM at EL2" : p eq "kvm" ? "KVM" : \
	p eq "vmm" ? "the VMM" : p eq "guest" ? "the guest" : p

set lmargin at screen left
set rmargin at screen right
set tmargin at screen top
set bmargin at screen bottom
set border 1 lc rgb grey
set tics nomirror scale 0.5 textcolor rgb ink
set yrange [0.4:rows + 0.6]
set ytics scale 0
set style fill solid 1.0 noborder
set grid xtics lc rgb faint lw 0.5 lt 1
unset key

set label 1 title at screen across(14), screen 1.0 - pixels(24) font ",14" tc rgb ink
set label 2 subtitle at screen across(14), screen 1.0 - pixels(48) font ",9" tc rgb grey

# "1000000" -> "1 000 000"
grouped(n) = n >= 1e9 ? sprintf("%.0f %03.0f %03.0f %03.0f", floor(n / 1e9), \
		floor(n / 1e6) - 1e3 * floor(n / 1e9), floor(n / 1e3) - 1e3 * floor(n / 1e6), \
		n - 1e3 * floor(n / 1e3)) : \
	n >= 1e6 ? sprintf("%.0f %03.0f %03.0f", floor(n / 1e6), \
		floor(n / 1e3) - 1e3 * floor(n / 1e6), n - 1e3 * floor(n / 1e3)) : \
	n >= 1e4 ? sprintf("%.0f %03.0f", floor(n / 1e3), n - 1e3 * floor(n / 1e3)) : \
	sprintf("%g", n)

# The legend, item by item from the left: load "style.gp" leaves legend_x at its beginning.
legend_x = 14.0
legend_y = 1.0 - pixels(72)
legend_next(text) = 6.4 * strlen(text) + 30
heads = top + pixels(10)
