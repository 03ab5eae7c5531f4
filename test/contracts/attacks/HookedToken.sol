// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {CrynuxToken} from "../../../contracts/CrynuxToken.sol";

interface ITransferHook {
    function onTransfer() external;
}

/// @dev CNX as it is not: it calls someone before and after each transfer. Its code is put in the place of the token's,
/// whose storage it continues.
contract HookedToken is CrynuxToken {
    ITransferHook private _hook;

    function setHook(ITransferHook hook) external {
        _hook = hook;
    }

    function _update(address from, address to, uint256 amountWei) internal override {
        if (address(_hook) != address(0)) _hook.onTransfer();
        super._update(from, to, amountWei);
        if (address(_hook) != address(0)) _hook.onTransfer();
    }
}
