(module
  ;; Flags that an operation has set need no test.
  (func (export "count") (param $n i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 7)) (local.get $n)))
      (br_if $again (local.tee $n (i32.add (local.get $n) (i32.const -1)))))
    (local.get $sum))
  ;; x64: "add edi,0FFFFFFFFh" "jne" !"test"

  (func (export "masked") (param i32) (result i32)
    (local i32)
    (local.set 1 (i32.and (local.get 0) (i32.const 0xff00)))
    (if (local.get 1) (then (return (local.get 1))))
    (i32.const 5))
  ;; x64: "and edi,0FF00h" "j" !"test"

  ;; Signs differ after an overflow: less than zero is not what an addition's flags say.
  (func (export "less") (param i32 i32) (result i32)
    (local i32)
    (local.set 2 (i32.add (local.get 0) (local.get 1)))
    (if (i32.lt_s (local.get 2) (i32.const 0)) (then (return (local.get 2))))
    (i32.const 5))
  ;; x64: "add" "test" "j"

  ;; Zero is made by the shortest instruction where flags do not matter, and by one that keeps them where they do.
  (func (export "zero") (result i32) (i32.const 0))
  ;; x64: "xor eax,eax" !"mov eax"
  (func (export "zero-or") (param i32 i32) (result i32)
    (select (i32.const 0) (local.get 0) (i32.lt_s (local.get 0) (local.get 1))))
  ;; x64: "cmp" "cmov" !"test"
)
