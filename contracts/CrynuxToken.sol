// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title CNX, the coin in which tasks are paid and stakes are locked
/// @notice ERC-20 with EIP-2612 permits and 18 decimals. The whole supply exists from the start; nobody can mint, burn,
/// pause or seize, and there is no owner.
contract CrynuxToken is ERC20, ERC20Permit {
    /// @notice All CNX that will ever be, in wei.
    uint256 public constant SUPPLY_WEI = 8_617_333_262 ether;

    /// @notice Gives the whole supply to the deployer.
    constructor() ERC20("Crynux", "CNX") ERC20Permit("Crynux") {
        _mint(msg.sender, SUPPLY_WEI);
    }
}
