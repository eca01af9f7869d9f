import Household
import Wire

/// Models for tests, short enough to be read in place.
func model(_ networks: [Network] = [], uplinks: [UplinkSettings] = []) -> HouseholdModel {
  HouseholdModel(domain: DomainName("home.arpa")!, uplinks: uplinks, networks: networks)
}

func network(
  _ name: String, _ ports: [String], vlan: Int? = nil, _ addresses: [String] = [], isolated: Bool = false
) -> Network {
  Network(
    name: name, interfaces: ports, vlan: vlan, addresses: addresses.compactMap { InterfaceAddress($0) },
    isolated: isolated)
}
