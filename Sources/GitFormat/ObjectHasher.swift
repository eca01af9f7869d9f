import CCrypto

/// Computes the name of an object, or of any bytes, in one of the two formats, from bytes that come in pieces. Allocates nothing.
public struct ObjectHasher: ~Copyable {
  private let format: ObjectFormat
  // One of the two is used.
  private var sha1 = SHA1()
  private var sha256 = SHA256_CTX()

  public init(_ format: ObjectFormat) {
    self.format = format
    if format == .sha256 { SHA256_Init(&sha256) }
  }

  /// Begins with the header of an object, `<kind> <size>\0`. The object's `size` bytes have to follow.
  ///
  /// - Precondition: `size` is not negative.
  public init(_ format: ObjectFormat, _ kind: ObjectKind, size: Int) {
    self.init(format)
    precondition(size >= 0)
    withUnsafeTemporaryAllocation(byteCount: 32, alignment: 1) { header in
      // From the end: a zero, the size's digits, a space, the word.
      var start = header.count - 1
      header[start] = 0
      var rest = size
      repeat {
        start -= 1
        header[start] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      } while rest > 0
      start -= 1
      header[start] = UInt8(ascii: " ")
      kind.word.withUTF8Buffer { word in
        start -= word.count
        UnsafeMutableRawBufferPointer(rebasing: header[start...]).copyBytes(from: word)
      }
      update(UnsafeRawBufferPointer(rebasing: header[start...]))
    }
  }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    switch format {
    case .sha1: sha1.update(bytes)
    case .sha256: SHA256_Update(&sha256, bytes.baseAddress, bytes.count)
    }
  }

  public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// The hash of what was given.
  ///
  /// - Throws: where the bytes carry one half of a SHA-1 collision.
  public consuming func finish() throws(FormatError) -> ObjectID {
    switch format {
    case .sha1:
      sha1.finish()
      guard !sha1.isAttacked else {
        throw FormatError("object", "its bytes are made to have the same SHA-1 as others")
      }
      return ObjectID(sha1.state)
    case .sha256:
      return withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { digest in
        SHA256_Final(digest.baseAddress, &sha256)
        return ObjectID(.sha256, UnsafeRawBufferPointer(digest).bytes)
      }
    }
  }
}

extension ObjectID {
  /// The name of an object: the hash of `<kind> <size>\0` and its bytes. Allocates nothing.
  ///
  /// - Throws: where the bytes carry one half of a SHA-1 collision.
  public static func of(
    _ kind: ObjectKind, _ bytes: UnsafeRawBufferPointer, _ format: ObjectFormat
  ) throws(FormatError) -> ObjectID {
    var hasher = ObjectHasher(format, kind, size: bytes.count)
    hasher.update(bytes)
    return try hasher.finish()
  }

  /// As above.
  public static func of(_ kind: ObjectKind, _ bytes: [UInt8], _ format: ObjectFormat) throws(FormatError) -> ObjectID {
    var hasher = ObjectHasher(format, kind, size: bytes.count)
    hasher.update(bytes)
    return try hasher.finish()
  }
}

extension GitObject {
  /// The name that this object has in a repository of a format.
  public func id(_ format: ObjectFormat) throws(FormatError) -> ObjectID { try .of(kind, bytes, format) }
}
