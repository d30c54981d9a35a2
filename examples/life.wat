;; Conway's Game of Life on a torus of 64 by 24 cells: a glider, a pulsar and an R-pentomino meet.
;; Prints a few generations as text, two rows to a line of half-block characters.
;;
;;     tiercel run examples/life.wat
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; 0: the list for fd_write, 16: the picture as text, 8192 and 12288: this generation and the next, a byte a cell.
  (global $width i32 (i32.const 64))
  (global $height i32 (i32.const 24))
  (global $text i32 (i32.const 16))
  (global $now (mut i32) (i32.const 8192))
  (global $next (mut i32) (i32.const 12288))
  (global $end (mut i32) (i32.const 16))

  ;; Figures as (x, y) pairs, ended by 255.
  (data $glider "\01\00\02\01\00\02\01\02\02\02\ff")
  (data $pentomino "\29\0a\2a\0a\28\0b\29\0b\29\0c\ff")
  (data $pulsar
    "\16\05\17\05\18\05\1c\05\1d\05\1e\05" "\16\0a\17\0a\18\0a\1c\0a\1d\0a\1e\0a"
    "\16\0c\17\0c\18\0c\1c\0c\1d\0c\1e\0c" "\16\11\17\11\18\11\1c\11\1d\11\1e\11"
    "\14\07\14\08\14\09\14\0d\14\0e\14\0f" "\19\07\19\08\19\09\19\0d\19\0e\19\0f"
    "\1b\07\1b\08\1b\09\1b\0d\1b\0e\1b\0f" "\20\07\20\08\20\09\20\0d\20\0e\20\0f\ff")

  ;; Where a cell lies. Coordinates wrap around; they are never below -1.
  (func $at (param $grid i32) (param $x i32) (param $y i32) (result i32)
    (i32.add (local.get $grid)
      (i32.add
        (i32.mul (global.get $width)
          (i32.rem_u (i32.add (local.get $y) (global.get $height)) (global.get $height)))
        (i32.rem_u (i32.add (local.get $x) (global.get $width)) (global.get $width)))))

  (func $cell (param $x i32) (param $y i32) (result i32)
    (i32.load8_u (call $at (global.get $now) (local.get $x) (local.get $y))))

  ;; Makes the figure's cells alive; the pairs lie at $figure.
  (func $place (param $figure i32)
    (loop $pair
      (if (i32.ne (i32.load8_u (local.get $figure)) (i32.const 255))
        (then
          (i32.store8
            (call $at (global.get $now) (i32.load8_u (local.get $figure)) (i32.load8_u offset=1 (local.get $figure)))
            (i32.const 1))
          (local.set $figure (i32.add (local.get $figure) (i32.const 2)))
          (br $pair)))))

  ;; A cell lives on with two or three neighbours and is born with three.
  (func $step
    (local $x i32) (local $y i32) (local $neighbours i32) (local $swap i32)
    (local.set $y (i32.const 0))
    (loop $row
      (local.set $x (i32.const 0))
      (loop $column
        (local.set $neighbours
          (i32.add
            (i32.add
              (i32.add
                (call $cell (i32.sub (local.get $x) (i32.const 1)) (i32.sub (local.get $y) (i32.const 1)))
                (call $cell (local.get $x) (i32.sub (local.get $y) (i32.const 1))))
              (i32.add
                (call $cell (i32.add (local.get $x) (i32.const 1)) (i32.sub (local.get $y) (i32.const 1)))
                (call $cell (i32.sub (local.get $x) (i32.const 1)) (local.get $y))))
            (i32.add
              (i32.add
                (call $cell (i32.add (local.get $x) (i32.const 1)) (local.get $y))
                (call $cell (i32.sub (local.get $x) (i32.const 1)) (i32.add (local.get $y) (i32.const 1))))
              (i32.add
                (call $cell (local.get $x) (i32.add (local.get $y) (i32.const 1)))
                (call $cell (i32.add (local.get $x) (i32.const 1)) (i32.add (local.get $y) (i32.const 1)))))))
        (i32.store8
          (call $at (global.get $next) (local.get $x) (local.get $y))
          (i32.eq (i32.or (local.get $neighbours) (call $cell (local.get $x) (local.get $y))) (i32.const 3)))
        (br_if $column
          (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (global.get $width))))
      (br_if $row
        (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 1))) (global.get $height))))
    (local.set $swap (global.get $now))
    (global.set $now (global.get $next))
    (global.set $next (local.get $swap)))

  (func $put (param $byte i32)
    (i32.store8 (global.get $end) (local.get $byte))
    (global.set $end (i32.add (global.get $end) (i32.const 1))))

  ;; Two cells, one above the other, as one character: a space or U+2580, U+2584, U+2588 in UTF-8.
  (func $put_pair (param $upper i32) (param $lower i32)
    (block $lower_only
      (block $upper_only
        (block $both
          (block $none
            (br_table $none $upper_only $lower_only $both
              (i32.or (local.get $upper) (i32.shl (local.get $lower) (i32.const 1)))))
          (return (call $put (i32.const 0x20))))
        (call $put (i32.const 0xe2)) (call $put (i32.const 0x96))
        (return (call $put (i32.const 0x88))))
      (call $put (i32.const 0xe2)) (call $put (i32.const 0x96))
      (return (call $put (i32.const 0x80))))
    (call $put (i32.const 0xe2)) (call $put (i32.const 0x96))
    (call $put (i32.const 0x84)))

  (func $print
    (local $x i32) (local $y i32)
    (global.set $end (global.get $text))
    (loop $row
      (local.set $x (i32.const 0))
      (loop $column
        (call $put_pair
          (call $cell (local.get $x) (local.get $y))
          (call $cell (local.get $x) (i32.add (local.get $y) (i32.const 1))))
        (br_if $column
          (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (global.get $width))))
      (call $put (i32.const 10))
      (br_if $row
        (i32.lt_u (local.tee $y (i32.add (local.get $y) (i32.const 2))) (global.get $height))))
    ;; A line under the picture.
    (local.set $x (i32.const 0))
    (loop $dash
      (call $put (i32.const 45))
      (br_if $dash
        (i32.lt_u (local.tee $x (i32.add (local.get $x) (i32.const 1))) (global.get $width))))
    (call $put (i32.const 10))
    (i32.store (i32.const 0) (global.get $text))
    (i32.store (i32.const 4) (i32.sub (global.get $end) (global.get $text)))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $generation i32)
    (memory.init $glider (i32.const 20000) (i32.const 0) (i32.const 11))
    (call $place (i32.const 20000))
    (memory.init $pentomino (i32.const 20000) (i32.const 0) (i32.const 11))
    (call $place (i32.const 20000))
    (memory.init $pulsar (i32.const 20000) (i32.const 0) (i32.const 97))
    (call $place (i32.const 20000))
    (call $print)
    (loop $more
      (call $step)
      (local.set $generation (i32.add (local.get $generation) (i32.const 1)))
      ;; Print after 1, 2, 4, 8, ... generations.
      (if (i32.eq (i32.popcnt (local.get $generation)) (i32.const 1)) (then (call $print)))
      (br_if $more (i32.lt_u (local.get $generation) (i32.const 64)))))
)
