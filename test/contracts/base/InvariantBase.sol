// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

/// @dev Tells forge what a campaign of random calls may call, and as whom. Forge finds these functions by their signatures.
abstract contract InvariantBase {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address[] private _contracts;
    address[] private _senders;
    FuzzSelector[] private _selectors;

    /// @dev Of this contract everything that is external and not view or pure is called, unless selectors are named.
    function _target(address handler) internal {
        _contracts.push(handler);
    }

    function _target(address handler, bytes4[] memory selectors) internal {
        _contracts.push(handler);
        _selectors.push(FuzzSelector({addr: handler, selectors: selectors}));
    }

    function _sender(address sender) internal {
        _senders.push(sender);
    }

    function targetContracts() external view returns (address[] memory) {
        return _contracts;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory) {
        return _selectors;
    }

    function targetSenders() external view returns (address[] memory) {
        return _senders;
    }
}
