;; Direct calls and little else: the naive Fibonacci numbers, 2.7 million calls.
(module
  (import "bench" "start" (func $bench_start))
  (import "bench" "end" (func $bench_end))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\0f\00\00\00")
  (data (i32.const 16) "fib = ")

  (func $fib (param $n i32) (result i32)
    (if (result i32) (i32.lt_u (local.get $n) (i32.const 2))
      (then (local.get $n))
      (else
        (i32.add
          (call $fib (i32.sub (local.get $n) (i32.const 1)))
          (call $fib (i32.sub (local.get $n) (i32.const 2)))))))

  ;; The value as eight hexadecimal digits and a line's end, after the name.
  (func $report (param $value i32)
    (local $at i32) (local $digit i32)
    (local.set $at (i32.const 29))
    (i32.store8 (i32.const 30) (i32.const 10))
    (loop $next
      (local.set $digit (i32.and (local.get $value) (i32.const 15)))
      (i32.store8 (local.get $at)
        (i32.add (local.get $digit) (select (i32.const 48) (i32.const 87) (i32.lt_u (local.get $digit) (i32.const 10)))))
      (local.set $value (i32.shr_u (local.get $value) (i32.const 4)))
      (br_if $next (i32.ge_u (local.tee $at (i32.sub (local.get $at) (i32.const 1))) (i32.const 22))))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))

  (func (export "_start")
    (local $value i32)
    (call $bench_start)
    (local.set $value (call $fib (i32.const 30)))
    (call $bench_end)
    (call $report (local.get $value)))
)
