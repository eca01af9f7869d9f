#if hasFeature(Embedded)
  import CLibraryOS
  import LibraryOS

  /// What the argument `fault=NUMBER` asks for. All but the first must end the guest.
  enum Fault: Int {
    case none, nullPointer, writeCode, writeConstants, executeData, stackOverflow, failedCheck, outOfMemory
  }

  func write(to address: UInt) { UnsafeMutablePointer<UInt64>(bitPattern: address)!.pointee = 1 }

  func overflowStack(_ depth: Int) -> Int {
    guard depth < .max else { return 0 }
    var frame = InlineArray<512, Int>(repeating: depth)
    frame[depth & 511] = overflowStack(depth + 1)
    return frame[(depth + 1) & 511]
  }

  func executeData() {
    let code = UnsafeMutablePointer<UInt8>.allocate(capacity: 16)
    code.initialize(repeating: 0xc3, count: 16)
    unsafeBitCast(code, to: (@convention(c) () -> Void).self)()
  }

  func exhaustMemory() -> Never {
    while true { _ = UnsafeMutableRawPointer.allocate(byteCount: 1 << 20, alignment: 4096) }
  }

  let argument = Machine.arguments.values("fault").first.flatMap { Int($0) }
  guard let argument, let fault = Fault(rawValue: argument) else { Machine.fail("faults: no such fault") }
  switch fault {
  case .none: break
  case .nullPointer: write(to: 8)
  case .writeCode: write(to: machine_layout.text_start)
  case .writeConstants: write(to: machine_layout.text_end)
  case .executeData: executeData()
  case .stackOverflow: print(overflowStack(0))
  case .failedCheck: print([1, 2, 3][argument])
  case .outOfMemory: exhaustMemory()
  }
  print("faults: survived")
#endif
