(module
  (memory 1)
  ;; Constants are computed, identities go, constants stand on the right.
  (func (param i32) (result i32)
    (i32.add (i32.const 0) (i32.mul (local.get 0) (i32.add (i32.const 3) (i32.const 5)))))
  ;;! has i32.shl v0, 3i32
  ;;! not i32.mul
  ;;! not i32.add

  ;; Booleans: tests of tests, inverted comparisons.
  (func (param i32 i32) (result i32)
    (i32.eqz (i32.eqz (i32.eqz (i32.lt_s (local.get 0) (local.get 1))))))
  ;;! body 1
  ;;! has i32.ge_s v0, v1
  ;;! not eqz

  ;; The upper half of an i32 is zero, and some values have few bits.
  (func (param i32) (result i32)
    (i32.and (i32.load8_u (local.get 0)) (i32.const 255)))
  ;;! body 2
  ;;! has i32.load8_u
  ;;! not i32.and

  ;; Shift counts are modulo the width.
  (func (param i64 i64) (result i64)
    (i64.shl (local.get 0) (i64.and (local.get 1) (i64.const 63))))
  ;;! body 3
  ;;! has i64.shl v0, v1
  ;;! not i64.and

  ;; x - c is x + -c, and sums of constants are one.
  (func (param i32) (result i32)
    (i32.sub (i32.sub (local.get 0) (i32.const 4)) (i32.const 6)))
  ;;! body 4
  ;;! has i32.add v0, -10i32
  ;;! count 1 i32.add

  ;; Arithmetic on floats stays: 0 and 1 are not neutral.
  (func (param f64) (result f64)
    (f64.mul (f64.add (f64.neg (f64.neg (local.get 0))) (f64.const 0)) (f64.const 1)))
  ;;! body 5
  ;;! has f64.add v0, 0x0:f64
  ;;! has f64.mul
  ;;! not f64.neg

  ;; A division by a constant that cannot trap is dropped when nobody needs it; any other one stays.
  (func (param i32 i32)
    (drop (i32.div_s (local.get 0) (i32.const 7)))
    (drop (i32.div_s (local.get 0) (i32.const -1)))
    (drop (i32.rem_u (local.get 0) (local.get 1))))
  ;;! body 6
  ;;! not 7i32
  ;;! has i32.div_s v0, -1i32
  ;;! has i32.rem_u v0, v1
)
