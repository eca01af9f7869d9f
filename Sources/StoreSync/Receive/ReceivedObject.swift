import GitFormat
import VersionedStore

/// What has to hold of an object before it may be in a repository.
enum ReceivedObject {
  /// Looks at an object's bytes alone, not at what it names.
  static func check(_ kind: ObjectKind, _ bytes: [UInt8], _ format: ObjectFormat) throws(StoreError) {
    switch kind {
    case .commit: _ = try CommitLinks(bytes, format)
    case .tag: _ = try TagLinks(bytes, format)
    case .tree: try TreeScan.entries(of: bytes, format) { _ throws(StoreError) in }
    case .blob: break
    }
  }
}
