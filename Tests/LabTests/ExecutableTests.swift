import HostSystem
import Lab
import Testing

@Suite struct ExecutableTests {
  /// Full Foundation brings ICU and its 40 MB: neither may slip in (as a library here, as a section where it is static).
  @Test func bringsNoInternationalisationData() throws {
    let bytes = try File.read(Lab.executable)
    let needles = ["lib_FoundationICU", "libFoundation.so", "libFoundationInternationalization", "icudt"]
    let found = needles.filter { needle in
      bytes.withUnsafeBytes { Self.contains($0, Array(needle.utf8)) }
    }
    #expect(found == [])
    #expect(
      bytes.withUnsafeBytes { Self.contains($0, Array("libFoundationEssentials".utf8)) }, "the search finds names")
  }

  private static func contains(_ bytes: UnsafeRawBufferPointer, _ needle: [UInt8]) -> Bool {
    var index = 0
    while index + needle.count <= bytes.count {
      if bytes[index] == needle[0], bytes[index..<index + needle.count].elementsEqual(needle) { return true }
      index += 1
    }
    return false
  }
}
