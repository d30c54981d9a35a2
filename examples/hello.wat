;; The smallest useful program: prints one line and ends. Run it with
;;
;;     tiercel run examples/hello.wat
(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param $fd i32) (param $parts i32) (param $count i32) (param $written i32) (result i32)))
  (memory (export "memory") 1)

  ;; fd_write takes a list of (address, length) pairs; ours has one, at address 0.
  (data (i32.const 0) "\10\00\00\00" "\17\00\00\00")
  (data (i32.const 16) "Hello from WebAssembly\n")

  (func (export "_start")
    (drop (call $fd_write
      (i32.const 1)      ;; standard output
      (i32.const 0)      ;; the list
      (i32.const 1)      ;; its length
      (i32.const 8))))   ;; where to put how many bytes were written
)
