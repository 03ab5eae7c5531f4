// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ITransferHook} from "./HookedToken.sol";

/// @dev A node, a creator, an account; it does what it is told, reverts on all else that it is sent, and when the token
/// calls it during a transfer it makes one more call.
contract Attacker is ITransferHook {
    address private _target;
    bytes private _data;
    uint256 public reentries;
    uint256 public successes;

    /// @dev What to call when a transfer comes by, once.
    function arm(address target, bytes calldata data) external {
        (_target, _data) = (target, data);
    }

    function act(address target, bytes calldata data) external {
        (bool done, bytes memory answer) = target.call(data);
        if (done) return;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }

    function onTransfer() external {
        if (_target == address(0)) return;
        address target = _target;
        _target = address(0);
        ++reentries;
        (bool done,) = target.call(_data);
        if (done) ++successes;
    }
}
