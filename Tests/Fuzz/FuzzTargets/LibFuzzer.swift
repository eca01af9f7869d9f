#if FUZZING
  import Glibc

  /// The target that LARES_FUZZ names.
  private let target = FuzzTarget.all.first { $0.name == getenv("LARES_FUZZ").map { String(cString: $0) } }

  /// Called by libFuzzer, which has main, for each input.
  @_cdecl("LLVMFuzzerTestOneInput")
  public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let target else {
      print("LARES_FUZZ has to name a target: \(FuzzTarget.all.map(\.name).joined(separator: ", "))")
      exit(2)
    }
    do { try target.check(Array(UnsafeBufferPointer(start: start, count: count))) } catch {
      print("\(target.name): \(error)")
      fflush(nil)
      abort()
    }
    return 0
  }
#endif
