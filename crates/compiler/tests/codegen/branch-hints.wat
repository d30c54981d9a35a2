(module
  (import "" "f" (func $f (param i32)))

  ;; An arm that a hint calls seldom stands behind everything else.
  (func (export "if") (param $x i32) (result i32)
    (@metadata.code.branch_hint "\00")
    (if (i32.gt_u (local.get $x) (i32.const 100))
      (then (local.set $x (i32.mul (local.get $x) (i32.const 7)))))
    (i32.add (local.get $x) (i32.const 1)))
  ;; ir: "unlikely"
  ;; x64: "cmp" "ja" "add" "ret" "imul" "jmp"

  (func (export "else") (param $x i32) (result i32)
    (@metadata.code.branch_hint "\01")
    (if (i32.gt_u (local.get $x) (i32.const 100))
      (then (local.set $x (i32.mul (local.get $x) (i32.const 7))))
      (else (local.set $x (i32.popcnt (local.get $x)))))
    (i32.add (local.get $x) (i32.const 1)))
  ;; x64: "cmp" "jbe" "imul" "ret" "popcnt" "jmp"

  ;; Out of the loop.
  (func (export "br_if") (param $p i32) (result i32)
    (loop $again
      (block $likely
        (@metadata.code.branch_hint "\01")
        (br_if $likely (i32.load (local.get $p)))
        (local.set $p (i32.mul (local.get $p) (i32.const 7))))
      (local.set $p (i32.add (local.get $p) (i32.const 4)))
      (br_if $again (i32.ne (local.get $p) (i32.const 1024))))
    (local.get $p))
  ;; x64: "je" "cmp" "jne" "ret" "imul" "jmp"
  (memory 1)
)
