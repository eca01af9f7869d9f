#if hasFeature(Embedded)
  internal import CLibraryOS

  /// Random bytes from the processor. A guest whose processor has no RDRAND ends here, rather than go on with
  /// numbers that others can guess.
  @c(arc4random_buf)
  func fillRandom(_ buffer: UnsafeMutableRawPointer?, _ count: Int) {
    guard let buffer else { return }
    guard has_rdrand() else { Machine.fail("entropy: this processor has no RDRAND") }
    var offset = 0
    while offset < count {
      var word: UInt64 = 0
      guard drawWord(&word) else { Machine.fail("entropy: RDRAND gives no numbers") }
      for shift in stride(from: UInt64(0), to: 64, by: 8) where offset < count {
        buffer.storeBytes(of: UInt8(truncatingIfNeeded: word >> shift), toByteOffset: offset, as: UInt8.self)
        offset += 1
      }
    }
  }

  /// Intel SDM volume 1, section 7.3.17.1: ten tries tell a busy generator from a broken one.
  private func drawWord(_ word: inout UInt64) -> Bool {
    for _ in 0..<10 where rdrand(&word) { return true }
    return false
  }
#endif
