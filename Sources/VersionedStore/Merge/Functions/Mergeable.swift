public import GitFormat

/// A type of contents: how it stands in bytes, and how two versions of it are merged.
public protocol Mergeable: Equatable, Sendable {
  /// Reads contents, which may come from anywhere.
  ///
  /// - Throws: where the bytes are none of this type.
  init(decoding bytes: [UInt8]) throws(FormatError)

  /// The bytes to store: the same for equal values, and text wherever people may want to read it.
  var encoded: [UInt8] { get }

  static var merge: MergeFunction<Self> { get }
}

extension Mergeable {
  /// The merge of stored bytes. Bytes that are none of this type are a conflict, with the reason.
  public static var mergeEncoded: MergeFunction<[UInt8]> {
    merge.like(
      { (bytes) throws(MergeFailure) in
        do throws(FormatError) { return try Self(decoding: bytes) } catch { throw .conflict(error.description) }
      }, { (value) in value.encoded })
  }
}
