import VersionedStore

final class HTTPConnection: Connection {
  init(_ url: String, _ service: Service, _ options: RemoteOptions) throws(StoreError) { throw .invalid("x") }
  var isStateless: Bool { true }
  func greeting() throws(StoreError) -> PacketReader { throw .invalid("x") }
  func request() throws(StoreError) -> any Exchange { throw .invalid("x") }
  func close() {}
  var failure: String? { nil }
}
