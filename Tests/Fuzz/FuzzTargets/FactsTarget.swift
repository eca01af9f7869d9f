#if DEBUG || FUZZING
  import Household

  @testable import HostSystem

  extension FuzzTarget {
    /// The lines of fact files: what is read ends at a whole line, and what was read can be written and read again.
    static let facts = FuzzTarget("facts") { bytes in
      try checkFacts(bytes)
      // Past the checksum too: each line as if it had been written so.
      let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      try checkFacts(lines.flatMap(signed))
    }

    private static func signed(_ json: ArraySlice<UInt8>) -> [UInt8] {
      let digits = String(CRC32.checksum(of: json), radix: 16)
      return Array((String(repeating: "0", count: 8 - digits.count) + digits + " ").utf8) + json + [UInt8(ascii: "\n")]
    }

    private static func checkFacts(_ bytes: [UInt8]) throws {
      var contents = FactFiles.Contents<Lease>()
      let used = FactFiles.apply(bytes, to: &contents)
      try promise(used <= bytes.count, "\(used) bytes were used of \(bytes.count)")
      try promise(used == 0 || bytes[used - 1] == UInt8(ascii: "\n"), "the last line that was used is not whole")
      var prefix = FactFiles.Contents<Lease>()
      try promise(
        FactFiles.apply(Array(bytes[..<used]), to: &prefix) == used && prefix.values == contents.values
          && prefix.sequence == contents.sequence, "the lines that were used give something else")
      var written = try FactFiles.line(FactFiles.Header(sequence: contents.sequence))
      for (key, value) in contents.values {
        written += try FactFiles.line(FactFiles.Entry(sequence: 0, key: key, value: value))
      }
      var again = FactFiles.Contents<Lease>()
      try promise(FactFiles.apply(written, to: &again) == written.count, "what was written is not read whole")
      try promise(
        again.values == contents.values && again.sequence == contents.sequence, "written and read again: \(again)")
    }
  }
#endif
