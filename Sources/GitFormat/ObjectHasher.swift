import CCrypto

/// Computes the name of an object, or of any bytes, in one of the two formats.
public struct ObjectHasher: ~Copyable {
  private let format: ObjectFormat
  private let context: OpaquePointer

  public init(_ format: ObjectFormat) {
    self.format = format
    context = EVP_MD_CTX_new()
    EVP_DigestInit_ex(context, format == .sha1 ? EVP_sha1() : EVP_sha256(), nil)
  }

  deinit { EVP_MD_CTX_free(context) }

  public mutating func update(_ bytes: UnsafeRawBufferPointer) {
    EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
  }

  public mutating func update(_ bytes: [UInt8]) { bytes.withUnsafeBytes { update($0) } }

  /// The hash of what was given.
  ///
  /// - Throws: where the bytes carry one half of a SHA-1 collision.
  public consuming func finish() throws(FormatError) -> ObjectID {
    var digest = [UInt8](repeating: 0, count: 64)
    EVP_DigestFinal_ex(context, &digest, nil)
    return ObjectID(format, digest)
  }
}

extension ObjectID {
  /// The name of an object: the hash of `<kind> <size>\0` and its bytes.
  ///
  /// - Throws: where the bytes carry one half of a SHA-1 collision.
  public static func of(_ kind: ObjectKind, _ bytes: [UInt8], _ format: ObjectFormat) throws(FormatError) -> ObjectID {
    var hasher = ObjectHasher(format)
    hasher.update(Array("\(kind) \(bytes.count)\0".utf8))
    hasher.update(bytes)
    return try hasher.finish()
  }
}

extension GitObject {
  /// The name that this object has in a repository of a format.
  public func id(_ format: ObjectFormat) throws(FormatError) -> ObjectID { try .of(kind, bytes, format) }
}
