(module
  (memory 1)

  ;; As C compilers write it without `memory.copy`.
  (func (export "copy-down") (param $to i32) (param $from i32) (param $n i32)
    (loop $again
      (i32.store8 (local.get $to) (i32.load8_u (local.get $from)))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (br_if $again (local.tee $n (i32.add (local.get $n) (i32.const -1))))))
  ;; ir: "i32.ge_u" "memory.copy_ahead" "i32.store8"

  (func (export "fill-up") (param $to i32) (param $n i32) (param $with i32)
    (local $i i32)
    (loop $again
      (i32.store8 offset=8 (i32.add (local.get $to) (local.get $i)) (local.get $with))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (local.get $n)))))
  ;; ir: "i32.ge_u" "i32.lt_u" "i32.and" "memory.fill_ahead" "i32.store8"

  ;; What it writes changes from round to round.
  (func (export "count") (param $to i32) (param $n i32)
    (loop $again
      (i32.store8 (local.get $to) (local.get $n))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br_if $again (local.tee $n (i32.add (local.get $n) (i32.const -1))))))
  ;; ir: !"memory.fill_ahead" "i32.store8"

  ;; Every other byte.
  (func (export "stride") (param $to i32) (param $n i32)
    (loop $again
      (i32.store8 (local.get $to) (i32.const 7))
      (local.set $to (i32.add (local.get $to) (i32.const 2)))
      (br_if $again (local.tee $n (i32.add (local.get $n) (i32.const -1))))))
  ;; ir: !"memory.fill_ahead" "i32.store8"

  ;; Two stores.
  (func (export "two") (param $to i32) (param $n i32)
    (loop $again
      (i32.store8 (local.get $to) (i32.const 7))
      (i32.store8 offset=100 (local.get $to) (i32.const 7))
      (local.set $to (i32.add (local.get $to) (i32.const 1)))
      (br_if $again (local.tee $n (i32.add (local.get $n) (i32.const -1))))))
  ;; ir: !"memory.fill_ahead" "i32.store8"
)
