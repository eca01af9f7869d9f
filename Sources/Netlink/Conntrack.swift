import CNetlinkShims
import Glibc
public import Wire

/// Reads and ends the flows that the kernel tracks in one network namespace (ctnetlink).
public final class Conntrack {
  private let socket: NetlinkSocket

  /// Opens a socket in the calling thread's network namespace.
  public init() throws(NetlinkError) {
    socket = try NetlinkSocket(.netfilter)
    socket.setReceiveBuffer(bytes: 1 << 20)
  }

  /// The flows that `filter` means, of one family or of both.
  public func flows(_ filter: FlowFilter = FlowFilter(), family: IPFamily? = nil) throws(NetlinkError) -> [Flow] {
    try socket.dump(.flows(family)) { message in
      guard let flow = Flow(message), filter.matches(flow) else { return nil }
      return flow
    }
  }

  /// Ends the flows that `filter` means, of both families, and answers how many. Their next packet meets the rules as a new flow's first.
  ///
  /// A flow that ended by itself meanwhile is not counted, nor is another that took its place ended: the kernel compares the identifier.
  @discardableResult
  public func delete(_ filter: FlowFilter) throws(NetlinkError) -> Int {
    try delete(try flows(filter))
  }

  /// Ends these flows, and answers how many of them were still there.
  @discardableResult
  public func delete(_ flows: [Flow]) throws(NetlinkError) -> Int {
    var count = 0
    for flow in flows {
      do throws(NetlinkError) {
        try socket.perform(.delete(flow))
        count += 1
      } catch  where error.code == ENOENT {
        continue
      }
    }
    return count
  }

  /// How many flows the kernel tracks now.
  public func count() throws(NetlinkError) -> Int {
    let counts = try socket.request(.flowStatistics) { message -> Int? in
      var attributes = message.attributes(after: 4)
      while let attribute = attributes.next() {
        if attribute.type == Int(CTA_STATS_GLOBAL_ENTRIES.rawValue) {
          return attribute.bigEndian(UInt32.self).map { Int($0) }
        }
      }
      return nil
    }
    return counts.first ?? 0
  }

  /// nlmsg_type of a ctnetlink message.
  static func type(_ message: UInt32) -> UInt16 {
    UInt16(NFNL_SUBSYS_CTNETLINK) << 8 | UInt16(truncatingIfNeeded: message)
  }
}

extension NetlinkRequest {
  /// Ends one flow: the one of this tuple and identifier; fails with ENOENT where it is gone.
  static func delete(_ flow: Flow) -> NetlinkRequest {
    let attempt = "ending the flow from \(flow.original.source) to \(flow.original.destination)"
    return NetlinkRequest(type: Int(Conntrack.type(IPCTNL_MSG_CT_DELETE.rawValue)), attempt: attempt) { message in
      message.netfilterHeader(flow.original.source.family)
      message.nest(Int(CTA_TUPLE_ORIG.rawValue)) { flow.original.write(to: &$0) }
      message.put(Int(CTA_ID.rawValue), bigEndian: flow.identifier)
    }
  }

  static func flows(_ family: IPFamily?) -> NetlinkRequest {
    let type = Int(Conntrack.type(IPCTNL_MSG_CT_GET.rawValue))
    return NetlinkRequest(type: type, flags: NLM_F_DUMP, attempt: "listing the tracked flows") {
      $0.netfilterHeader(family)
    }
  }

  static var flowStatistics: NetlinkRequest {
    let type = Int(Conntrack.type(IPCTNL_MSG_CT_GET_STATS.rawValue))
    return NetlinkRequest(type: type, attempt: "counting the tracked flows") { $0.netfilterHeader(nil) }
  }
}

extension MessageWriter {
  /// struct nfgenmsg: family, version 0, resource in network byte order.
  mutating func netfilterHeader(_ family: IPFamily?, resource: UInt16 = 0) {
    field(family?.kernel ?? UInt8(AF_UNSPEC))
    field(UInt8(NFNETLINK_V0))
    field(resource.bigEndian)
  }
}
