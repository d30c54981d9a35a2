;; Results that go to the register of one of their operands: each is the same as one that goes to a register of its own.

(module
  (memory 1)

  ;; Locals count more in a loop, so that all here are in registers.
  (func (export "sub") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i32x4.sub (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i32x4.sub (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i32x4.sub (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i32x4.sub (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "andnot") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (v128.andnot (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (v128.andnot (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (v128.andnot (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (v128.andnot (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "lt-swapped") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.lt_s (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.lt_s (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.lt_s (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.lt_s (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "ne") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i16x8.ne (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i16x8.ne (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i16x8.ne (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i16x8.ne (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "ge-by-maximum") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.ge_u (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.ge_u (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.ge_u (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.ge_u (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "gt-by-minimum") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i32x4.gt_u (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i32x4.gt_u (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i32x4.gt_u (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i32x4.gt_u (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "shuffle-of-both") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.shuffle 31 0 30 1 29 2 28 3 16 16 15 15 8 24 7 23 (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.shuffle 31 0 30 1 29 2 28 3 16 16 15 15 8 24 7 23 (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.shuffle 31 0 30 1 29 2 28 3 16 16 15 15 8 24 7 23 (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.shuffle 31 0 30 1 29 2 28 3 16 16 15 15 8 24 7 23 (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "shuffle-neighbours") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.shuffle 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.shuffle 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.shuffle 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.shuffle 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "shuffle-interleaved") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.shuffle 16 0 17 1 18 2 19 3 20 4 21 5 22 6 23 7 (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.shuffle 16 0 17 1 18 2 19 3 20 4 21 5 22 6 23 7 (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.shuffle 16 0 17 1 18 2 19 3 20 4 21 5 22 6 23 7 (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.shuffle 16 0 17 1 18 2 19 3 20 4 21 5 22 6 23 7 (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "shuffle-of-second") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.shuffle 31 30 29 28 16 16 16 16 20 21 22 23 24 25 26 26 (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.shuffle 31 30 29 28 16 16 16 16 20 21 22 23 24 25 26 26 (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.shuffle 31 30 29 28 16 16 16 16 20 21 22 23 24 25 26 26 (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.shuffle 31 30 29 28 16 16 16 16 20 21 22 23 24 25 26 26 (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "swizzle") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.swizzle (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.swizzle (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.swizzle (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.swizzle (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "narrow") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.narrow_i16x8_u (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.narrow_i16x8_u (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i8x16.narrow_i16x8_u (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i8x16.narrow_i16x8_u (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "pmin") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (f32x4.pmin (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (f32x4.pmin (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (f32x4.pmin (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (f32x4.pmin (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "min") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (f32x4.min (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (f32x4.min (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (f32x4.min (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (f32x4.min (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "dot") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i32x4.dot_i16x8_s (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (i32x4.dot_i16x8_s (local.get $x) (local.get $b)))
      (local.set $y (local.get $b))
      (local.set $y (i32x4.dot_i16x8_s (local.get $a) (local.get $y)))
      ;; Both operands are on the stack.
      (local.set $same (i32x4.dot_i16x8_s (v128.xor (local.get $a) (v128.const i64x2 0 0)) (v128.not (v128.not (local.get $b)))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "neg") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i16x8.neg (local.get $a)))
      (local.set $x (local.get $a))
      (local.set $x (i16x8.neg (local.get $x)))
      (local.set $y (v128.xor (local.get $a) (local.get $b)))
      (local.set $y (i16x8.neg (v128.xor (local.get $y) (local.get $b))))
      (local.set $same (i16x8.neg (local.tee $same (local.get $a))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "not") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (v128.not (local.get $a)))
      (local.set $x (local.get $a))
      (local.set $x (v128.not (local.get $x)))
      (local.set $y (v128.xor (local.get $a) (local.get $b)))
      (local.set $y (v128.not (v128.xor (local.get $y) (local.get $b))))
      (local.set $same (v128.not (local.tee $same (local.get $a))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "extend-upper") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i32x4.extend_high_i16x8_s (local.get $a)))
      (local.set $x (local.get $a))
      (local.set $x (i32x4.extend_high_i16x8_s (local.get $x)))
      (local.set $y (v128.xor (local.get $a) (local.get $b)))
      (local.set $y (i32x4.extend_high_i16x8_s (v128.xor (local.get $y) (local.get $b))))
      (local.set $same (i32x4.extend_high_i16x8_s (local.tee $same (local.get $a))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "abs") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i64x2.abs (local.get $a)))
      (local.set $x (local.get $a))
      (local.set $x (i64x2.abs (local.get $x)))
      (local.set $y (v128.xor (local.get $a) (local.get $b)))
      (local.set $y (i64x2.abs (v128.xor (local.get $y) (local.get $b))))
      (local.set $same (i64x2.abs (local.tee $same (local.get $a))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "shl") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i32x4.shl (local.get $a) (i32.const 13)))
      (local.set $x (local.get $a))
      (local.set $x (i32x4.shl (local.get $x) (i32.add (i32.eqz (i32.const 1)) (i32.const 13))))
      (local.set $y (i32x4.shl (local.get $a) (i32x4.extract_lane 1 (v128.const i32x4 0 77 0 0))))
      (local.set $same (local.get $a))
      (local.set $same (i32x4.shl (local.get $same) (i32.const 77)))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "shr") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i64x2.shr_u (local.get $a) (i32.const 13)))
      (local.set $x (local.get $a))
      (local.set $x (i64x2.shr_u (local.get $x) (i32.add (i32.eqz (i32.const 1)) (i32.const 13))))
      (local.set $y (i64x2.shr_u (local.get $a) (i32x4.extract_lane 1 (v128.const i32x4 0 77 0 0))))
      (local.set $same (local.get $a))
      (local.set $same (i64x2.shr_u (local.get $same) (i32.const 77)))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "shr-bytes") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.shr_s (local.get $a) (i32.const 13)))
      (local.set $x (local.get $a))
      (local.set $x (i8x16.shr_s (local.get $x) (i32.add (i32.eqz (i32.const 1)) (i32.const 13))))
      (local.set $y (i8x16.shr_s (local.get $a) (i32x4.extract_lane 1 (v128.const i32x4 0 77 0 0))))
      (local.set $same (local.get $a))
      (local.set $same (i8x16.shr_s (local.get $same) (i32.const 77)))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "bitselect") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (v128.or
        (v128.and (local.get $a) (local.get $b))
        (v128.andnot (i16x8.add (local.get $a) (local.get $b)) (local.get $b))))
      (local.set $x (local.get $a))
      (local.set $x (v128.bitselect (local.get $x) (i16x8.add (local.get $a) (local.get $b)) (local.get $b)))
      (local.set $y (i16x8.add (local.get $a) (local.get $b)))
      (local.set $y (v128.bitselect (local.get $a) (local.get $y) (local.get $b)))
      (local.set $same (local.get $b))
      (local.set $same (v128.bitselect (local.get $a) (i16x8.add (local.get $a) (local.get $b)) (local.get $same)))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "replace-lane") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (local.set $own (i8x16.shuffle 0 1 2 3 16 17 18 19 8 9 10 11 12 13 14 15 (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (f32x4.replace_lane 1 (local.get $x) (f32x4.extract_lane 0 (local.get $b))))
      (local.set $y (local.get $b))
      (local.set $y (i32x4.replace_lane 1 (local.get $a) (i32x4.extract_lane 0 (local.get $y))))
      (local.set $same (v128.const i64x2 0 0))
      (local.set $same (i64x2.replace_lane 0 (local.get $same)
        (i64.or (i64.extend_i32_u (i32x4.extract_lane 0 (local.get $a)))
                (i64.shl (i64.extend_i32_u (i32x4.extract_lane 0 (local.get $b))) (i64.const 32)))))
      (local.set $same (f64x2.replace_lane 1 (local.get $same) (f64x2.extract_lane 1 (local.get $a))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "lanes-in-memory") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (v128.store (i32.const 64) (local.get $b))
      (v128.store (i32.const 128) (local.get $a))
      (local.set $own (i8x16.shuffle 0 1 2 3 20 21 22 23 8 9 10 11 12 13 14 15 (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (v128.load32_lane offset=68 1 (i32.const 0) (local.get $x)))
      (local.set $y (v128.load16_lane offset=70 3 (i32.const 0) (v128.load16_lane 2 (i32.const 68) (local.get $a))))
      (v128.store32_lane offset=4 1 (i32.const 128) (local.get $b))
      (local.set $same (v128.load (i32.const 128)))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))
  (func (export "lanes-of-other-widths-in-memory") (param $a v128) (param $b v128) (result i32)
    (local $own v128) (local $x v128) (local $y v128) (local $same v128) (local $rounds i32)
    (loop $again
      (v128.store (i32.const 64) (local.get $b))
      (v128.store (i32.const 128) (local.get $a))
      (local.set $own (i8x16.shuffle 16 1 2 3 4 5 6 7 24 25 26 27 28 29 30 31 (local.get $a) (local.get $b)))
      (local.set $x (local.get $a))
      (local.set $x (v128.load8_lane offset=64 0 (i32.const 0) (local.get $x)))
      (local.set $x (v128.load64_lane offset=72 1 (i32.const 0) (local.get $x)))
      (v128.store8_lane 0 (i32.const 128) (local.get $b))
      (v128.store64_lane offset=8 1 (i32.const 128) (local.get $b))
      (local.set $y (v128.load (i32.const 128)))
      (v128.store16_lane offset=140 6 (i32.const 0) (local.get $y))
      (local.set $same (v128.load8_lane 0 (i32.const 64) (v128.load (i32.const 128))))
      (local.set $rounds (i32.add (local.get $rounds) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $rounds) (i32.const 3))))
    (i32.and
      (i32.and
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $x)))
        (i8x16.all_true (i8x16.eq (local.get $own) (local.get $y))))
      (i8x16.all_true (i8x16.eq (local.get $own) (local.get $same)))))

  ;; More vectors than registers, on the stack and in locals, across a call that destroys all of them.
  (func $other (param v128) (result v128) (i32x4.add (local.get 0) (v128.const i32x4 1 2 3 4)))
  (func (export "across-calls") (param $n i32) (result v128)
    (local $v0 v128) (local $v1 v128) (local $v2 v128) (local $v3 v128) (local $v4 v128) (local $v5 v128) (local $v6 v128)
    (local $v7 v128) (local $v8 v128) (local $v9 v128) (local $v10 v128) (local $v11 v128)
    (loop $again
      (local.set $v0 (i32x4.add (local.get $v0) (i32x4.splat (i32.add (local.get $n) (i32.const 0)))))
      (local.set $v1 (i32x4.add (local.get $v1) (i32x4.splat (i32.add (local.get $n) (i32.const 1)))))
      (local.set $v2 (i32x4.add (local.get $v2) (i32x4.splat (i32.add (local.get $n) (i32.const 2)))))
      (local.set $v3 (i32x4.add (local.get $v3) (i32x4.splat (i32.add (local.get $n) (i32.const 3)))))
      (local.set $v4 (i32x4.add (local.get $v4) (i32x4.splat (i32.add (local.get $n) (i32.const 4)))))
      (local.set $v5 (i32x4.add (local.get $v5) (i32x4.splat (i32.add (local.get $n) (i32.const 5)))))
      (local.set $v6 (i32x4.add (local.get $v6) (i32x4.splat (i32.add (local.get $n) (i32.const 6)))))
      (local.set $v7 (i32x4.add (local.get $v7) (i32x4.splat (i32.add (local.get $n) (i32.const 7)))))
      (local.set $v8 (i32x4.add (local.get $v8) (i32x4.splat (i32.add (local.get $n) (i32.const 8)))))
      (local.set $v9 (i32x4.add (local.get $v9) (i32x4.splat (i32.add (local.get $n) (i32.const 9)))))
      (local.set $v10 (i32x4.add (local.get $v10) (i32x4.splat (i32.add (local.get $n) (i32.const 10)))))
      (local.set $v11 (i32x4.add (local.get $v11) (i32x4.splat (i32.add (local.get $n) (i32.const 11)))))
      (local.get $v0)
      (local.get $v1)
      (local.get $v2)
      (local.get $v3)
      (local.get $v4)
      (local.get $v5)
      (local.get $v6)
      (local.get $v7)
      (local.get $v8)
      (local.get $v9)
      (local.get $v10)
      (local.get $v11)
      (local.set $v3 (call $other (local.get $v3)))
      i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add 
      (local.set $v11 (i32x4.mul (v128.const i32x4 3 5 7 9)))
      (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $v0) (local.get $v1) (local.get $v2) (local.get $v3) (local.get $v4) (local.get $v5) (local.get $v6) (local.get $v7) (local.get $v8) (local.get $v9) (local.get $v10) (local.get $v11)
    i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add i32x4.add )

  ;; A vector that is set and used at once, and again later.
  (func (export "tee") (param $a v128) (result v128) (local $b v128)
    (local.get $b)
    (i16x8.add (local.tee $b (i16x8.sub (local.get $a) (v128.const i16x8 1 2 3 4 5 6 7 8))) (local.get $b))
    (i16x8.add (local.get $b))
    i16x8.add)
)

(assert_return (invoke "sub" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "andnot" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "lt-swapped" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "ne" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "ge-by-maximum" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "gt-by-minimum" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "shuffle-of-both" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "shuffle-neighbours" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "shuffle-interleaved" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "shuffle-of-second" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "swizzle" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "narrow" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "pmin" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "min" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "dot" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "neg" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "not" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "extend-upper" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "abs" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "shl" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "shr" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "shr-bytes" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "bitselect" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "replace-lane" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "lanes-in-memory" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "lanes-of-other-widths-in-memory" (v128.const i32x4 0x80ff7f01 0x00fe8102 0x0807f605 0x7fff0001) (v128.const i32x4 0x03104005 0xfe8102ff 0x8b06f605 0x00010203)) (i32.const 1))
(assert_return (invoke "across-calls" (i32.const 5)) (v128.const i32x4 62617 586950 2794547 9205624))
(assert_return (invoke "tee" (v128.const i16x8 10 20 30 40 50 60 70 80)) (v128.const i16x8 27 54 81 108 135 162 189 216))
