public import GitFormat

extension Path {
  /// Paths of more names than this are refused: no file system could hold them (PATH_MAX).
  public static let maximumDepth = 1_000

  func checkDepth() throws(StoreError) {
    guard names.count <= Self.maximumDepth else {
      throw .badName(Path(Array(names.prefix(8))), "it has more than \(Self.maximumDepth) names")
    }
  }

  /// - Throws: `.badName` where no value may stand; as `checkDepth`.
  public func checkAllowed() throws(StoreError) {
    guard !isRoot else { throw .badName(self, "it names no value") }
    try check(allowingReserved: false)
  }

  /// - Parameter allowingReserved: whether names that begin with `.lares` may stand in it.
  /// - Throws: `.badName` where the path could not stand in a tree that people check out.
  func check(allowingReserved: Bool) throws(StoreError) {
    try checkDepth()
    for name in names {
      if let problem = name.problem(isOwn: allowingReserved) { throw .badName(self, "“\(name)”: \(problem)") }
      if name.bucketNumber != nil { throw .badName(self, "“\(name)”: \(EntryName.bucketProblem)") }
    }
  }
}

extension EntryName {
  /// Why no directory may be called as a bucket is, as `problem` says it.
  static let bucketProblem = "names like .lares-0 stand for parts of wide directories"

  /// 0 to 15 for `.lares-0` to `.lares-f`, the parts of a directory that is stored as a fan-out.
  var bucketNumber: Int? { bytes.withUnsafeBytes { Self.bucketNumber($0) } }

  static func bucketNumber(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count == 8, bytes[0] == UInt8(ascii: "."), bytes[1] == UInt8(ascii: "l"), bytes[2] == UInt8(ascii: "a"),
      bytes[3] == UInt8(ascii: "r"), bytes[4] == UInt8(ascii: "e"), bytes[5] == UInt8(ascii: "s"),
      bytes[6] == UInt8(ascii: "-")
    else { return nil }
    switch bytes[7] {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): return Int(bytes[7] - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): return Int(bytes[7] - UInt8(ascii: "a")) + 10
    default: return nil
    }
  }
}
